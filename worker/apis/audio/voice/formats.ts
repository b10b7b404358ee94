/** Audio formats of speech: a row per format. */
import { joinBytes } from '../../../../engine/base/joined.ts';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import { pcm16, wavHeader } from '../../../../engine/audio/write-wav.ts';
import type { Speech } from '../../../serving/clients/voice-client.ts';

export const SPEECH_FORMATS = ['wav', 'pcm'] as const;
export type SpeechFormat = (typeof SPEECH_FORMATS)[number];

/** In Hz. Raw samples do not state their rate, so clients expect OpenAI's. */
const PCM_RATE = 24_000;

interface FormatRow {
  readonly contentType: string;
  readonly encode: (speech: Speech) => AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;
}

export const SPEECH_FORMAT_ROWS: Readonly<Record<SpeechFormat, FormatRow>> = {
  wav: { contentType: 'audio/wav', encode: encodeWav },
  pcm: { contentType: `audio/pcm;rate=${PCM_RATE}`, encode: encodePcm },
};

async function* encodeWav({ sampleRate, samples }: Speech): ReturnType<FormatRow['encode']> {
  let header = wavHeader(sampleRate, null);
  for await (const chunk of samples) {
    const bytes = pcm16(chunk);
    // Together with the first samples: a chunk of its own would delay them.
    if (header.length > 0) yield joinBytes([header, bytes]);
    else yield bytes;
    header = new Uint8Array(0);
  }
}

async function* encodePcm({ sampleRate, samples }: Speech): ReturnType<FormatRow['encode']> {
  const resampler = new Resampler(sampleRate, PCM_RATE);
  for await (const chunk of samples) yield pcm16(resampler.push(chunk));
  yield pcm16(resampler.flush());
}
