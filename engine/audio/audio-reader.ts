/** What every kind of audio file is read as: blocks of planar samples, nominally within [-1, 1]. */
import { EngineError } from '../base/errors.ts';

export interface AudioReader {
  /** `wav`, `flac`, `mp3`, `ogg-opus`, `pcm`. */
  readonly container: string;
  readonly sampleRate: number;
  readonly nChannel: number;
  /** What the file says of its length, as far as it can be so; null when it does not say. */
  readonly statedSeconds: number | null;
  /** The next samples, one array a channel, all of one length; null at the end. */
  read(): Float32Array[] | null;
  /** Once read to the end: whether the file ends before its own header says it does. */
  readonly isTruncated: boolean;
}

/** Rates that speech comes in, and what sound cards give. */
export const MIN_SAMPLE_RATE = 4000;
export const MAX_SAMPLE_RATE = 384_000;
export const MAX_CHANNELS = 8;
/** Samples of a channel that readers hand out at a time, at most. */
export const BLOCK_SAMPLES = 65_536;

/** @throws {EngineError} E_AUDIO_INVALID for rates and channels that no recording has. */
export function checkFormat(container: string, sampleRate: number, nChannel: number): void {
  if (!(sampleRate >= MIN_SAMPLE_RATE && sampleRate <= MAX_SAMPLE_RATE))
    throw invalidAudio(
      `${container}: sample rate ${sampleRate} Hz`,
      `${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} Hz`,
      'Resample the recording to 16000 Hz',
    );
  if (!(nChannel >= 1 && nChannel <= MAX_CHANNELS))
    throw invalidAudio(
      `${container}: ${nChannel} channels`,
      `1 to ${MAX_CHANNELS}`,
      'Mix the recording down to one channel',
    );
}

/** An error about an audio file, in the house's form. */
export function invalidAudio(what: string, expected: string, fix: string): EngineError {
  return new EngineError('E_AUDIO_INVALID', `file: ${what}; expected ${expected}. ${fix}.`, {
    param: 'file',
  });
}

/** Four characters of a file, as text; what is behind the end reads as zeros. */
export function tagAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => bytes[at + i] ?? 0));
}
