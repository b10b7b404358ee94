/** The form every kind of audio file is read into: blocks of planar samples, nominally within [-1, 1]. */
import { EngineError } from '../base/errors.ts';

export interface AudioReader {
  /** `wav`, `flac`, `mp3`, `ogg-opus`, `pcm`. */
  readonly container: string;
  readonly sampleRate: number;
  readonly nChannel: number;
  /** Length that the file states, in seconds, where that is possible; null when it states none. */
  readonly statedSeconds: number | null;
  /** The next samples, one array per channel, all of one length; null at the end. */
  read(): Float32Array[] | null;
  /** Once read to the end: whether the file ends before its own header says it does. */
  readonly isTruncated: boolean;
}

/** Rates that speech comes in, and what sound cards give. */
export const MIN_SAMPLE_RATE = 4000;
export const MAX_SAMPLE_RATE = 384_000;
export const MAX_CHANNELS = 8;
/** Most samples of a channel that readers return at a time. */
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

/** E_AUDIO_INVALID in the project's message form. */
export function invalidAudio(what: string, expected: string, fix: string): EngineError {
  return new EngineError('E_AUDIO_INVALID', `file: ${what}; expected ${expected}. ${fix}.`, {
    param: 'file',
  });
}

/** Four characters of a file, as text; bytes after the end read as zeros. */
export function tagAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => bytes[at + i] ?? 0));
}
