/** One recording, from bytes to frames of samples, within the time and memory of a request. */
import { invalidAudio } from '../../engine/audio/audio-reader.ts';
import { monoSamples } from '../../engine/audio/mono.ts';
import { takeTurn } from '../platform/turns.ts';
import type { AudioFrame } from './frames.ts';
import { MAX_AUDIO_SECONDS } from './limits.ts';
import { openAudio } from './open-audio.ts';
import type { DecoderModules, RawFormat } from './open-audio.ts';

/** Sound that is decoded before others have a turn: some tens of milliseconds of work. */
const TURN_SECONDS = 1;

export interface DecodeOptions {
  readonly sampleRate: number;
  readonly raw: RawFormat | null;
}

/** @throws {EngineError} E_AUDIO_INVALID */
export async function* decodeAudio(
  bytes: Uint8Array,
  modules: DecoderModules,
  { sampleRate, raw }: DecodeOptions,
): AsyncGenerator<AudioFrame, void, void> {
  const reader = await openAudio(bytes, modules, raw);
  try {
    const { container, nChannel, statedSeconds } = reader;
    // Some files state their length, so that nothing has to be decoded to refuse them.
    if ((statedSeconds ?? 0) > MAX_AUDIO_SECONDS) throw tooLong();
    yield {
      type: 'start',
      value: { container, sampleRate: reader.sampleRate, nChannel, statedSeconds },
    };
    let nSample = 0;
    let nSinceTurn = 0;
    for (const samples of monoSamples(reader, sampleRate)) {
      nSample += samples.length;
      if (nSample > MAX_AUDIO_SECONDS * sampleRate) throw tooLong();
      if (samples.length > 0) yield { type: 'samples', value: samples };
      nSinceTurn += samples.length;
      if (nSinceTurn < TURN_SECONDS * sampleRate) continue;
      nSinceTurn = 0;
      await takeTurn();
    }
    if (nSample === 0)
      throw invalidAudio(`${container}: no samples`, 'a recording', 'Send a file with sound in it');
    yield {
      type: 'end',
      value: { seconds: nSample / sampleRate, isTruncated: reader.isTruncated },
    };
  } finally {
    if (Symbol.dispose in reader) (reader as Disposable)[Symbol.dispose]();
  }
}

function tooLong() {
  return invalidAudio(
    `more than ${MAX_AUDIO_SECONDS} seconds of sound`,
    'at most that',
    'Cut the recording into parts',
  );
}
