/** Audio formats of speech: a row per format. */
import { joinBytes } from '../../../../engine/base/joined.ts';
import { Resampler } from '../../../../engine/audio/resampler.ts';
import { pcm16, wavHeader } from '../../../../engine/audio/write-wav.ts';
import type { Codec } from '../../../audio/speech-encoder.ts';
import { openEncodedVoice, openVoice } from '../../../serving/clients/voice-client.ts';
import type { Speech, VoiceCall } from '../../../serving/clients/voice-client.ts';

export const SPEECH_FORMATS = ['wav', 'mp3', 'opus', 'flac', 'pcm'] as const;
export type SpeechFormat = (typeof SPEECH_FORMATS)[number];

/** In Hz. Raw samples do not state their rate, so clients expect OpenAI's. */
const PCM_RATE = 24_000;

/** What a format counts while the speech is made. */
export interface SpeechUsage {
  /** Seconds of speech so far; known at the end where it is encoded elsewhere. */
  seconds: number;
}

type Bytes = AsyncGenerator<Uint8Array<ArrayBuffer>, void, void>;

interface FormatRow {
  readonly contentType: string;
  /** Resolves with the first samples. @throws {EngineError} as openVoice */
  readonly open: (voice: VoiceCall, usage: SpeechUsage) => Promise<Bytes>;
}

export const SPEECH_FORMAT_ROWS: Readonly<Record<SpeechFormat, FormatRow>> = {
  wav: { contentType: 'audio/wav', open: asSamples(encodeWav) },
  mp3: { contentType: 'audio/mpeg', open: asFile('mp3') },
  flac: { contentType: 'audio/flac', open: asFile('flac') },
  opus: { contentType: 'audio/ogg; codecs=opus', open: asFile('opus') },
  pcm: { contentType: `audio/pcm;rate=${PCM_RATE}`, open: asSamples(encodePcm) },
};

/** Formats that take no work are written here. */
function asSamples(encode: (speech: Speech) => Bytes): FormatRow['open'] {
  return async (voice, usage) => {
    const speech = await openVoice(voice);
    return encode({ ...speech, samples: timed(speech, usage) });
  };
}

/** Codecs are in the audio script. */
function asFile(codec: Codec): FormatRow['open'] {
  return async (voice, usage) => {
    const { bytes } = await openEncodedVoice(voice, codec);
    return (async function* () {
      usage.seconds = yield* bytes;
    })();
  };
}

async function* timed({ sampleRate, samples }: Speech, usage: SpeechUsage): Speech['samples'] {
  for await (const chunk of samples) {
    usage.seconds += chunk.length / sampleRate;
    yield chunk;
  }
}

async function* encodeWav({ sampleRate, samples }: Speech): Bytes {
  let header = wavHeader(sampleRate, null);
  for await (const chunk of samples) {
    const bytes = pcm16(chunk);
    // Together with the first samples: a chunk of its own would delay them.
    if (header.length > 0) yield joinBytes([header, bytes]);
    else yield bytes;
    header = new Uint8Array(0);
  }
}

async function* encodePcm({ sampleRate, samples }: Speech): Bytes {
  const resampler = new Resampler(sampleRate, PCM_RATE);
  for await (const chunk of samples) yield pcm16(resampler.push(chunk));
  yield pcm16(resampler.flush());
}
