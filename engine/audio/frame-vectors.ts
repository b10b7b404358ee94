/**
 * Sound as vectors: log-mel frames of 10 ms, some of which stand together in one vector. Each band's mean over the sound is
 * taken out, so that microphones and rooms matter less (cepstral mean normalization's idea).
 */
import { EngineError } from '../base/errors.ts';
import { HOP_SAMPLES, LogMel, SAMPLE_RATE } from './log-mel.ts';

/** How a model hears sounds. */
export interface FrameStack {
  /** Bands of the mel scale. */
  readonly bands: number;
  /** Frames of a vector. */
  readonly stack: number;
  /** Vectors of the longest sound. */
  readonly most: number;
}

/** As large as the values of patches. */
const GAIN = 1 / 4;
/** What is this far below the loudest is noise, which differs from room to room: 50 dB, in LogMel's scale of 40 dB. */
const QUIETEST = 50 / 40;

export const frameValues = ({ bands, stack }: FrameStack): number => bands * stack;
/** Samples at SAMPLE_RATE of the longest sound. */
export const mostSamples = ({ stack, most }: FrameStack): number => stack * most * HOP_SAMPLES;

export class FrameVectors {
  readonly #stack: FrameStack;
  readonly #mel: LogMel;

  constructor(stack: FrameStack) {
    this.#stack = stack;
    this.#mel = new LogMel(stack.bands);
  }

  /**
   * @param samples mono, SAMPLE_RATE
   * @returns [n, frameValues], time first; the last vector ends in silence
   * @throws {EngineError} E_REQUEST_INVALID for more than `mostSamples`, or none
   */
  of(samples: Float32Array): Float32Array {
    const { bands, stack } = this.#stack;
    const limit = mostSamples(this.#stack);
    if (samples.length === 0 || samples.length > limit)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `sound: ${(samples.length / SAMPLE_RATE).toFixed(2)} s; expected more than nothing and at most ${(limit / SAMPLE_RATE).toFixed(2)} s. Cut it.`,
        { param: 'messages', details: { nSample: samples.length, most: limit } },
      );
    const nVector = Math.ceil(samples.length / (HOP_SAMPLES * stack));
    const frames = new Float32Array(nVector * stack * bands);
    this.#mel.fill(samples, nVector * stack, frames);
    centreBands(frames, bands, Math.ceil(samples.length / HOP_SAMPLES));
    return frames;
  }
}

/** @param nFrame those that are not silence after the end */
function centreBands(frames: Float32Array, bands: number, nFrame: number): void {
  const heard = frames.subarray(0, nFrame * bands);
  const least = heard.reduce((top, value) => Math.max(top, value), -Infinity) - QUIETEST;
  for (let i = 0; i < heard.length; i++) heard[i] = Math.max(least, heard[i]!);
  for (let band = 0; band < bands; band++) {
    let sum = 0;
    for (let i = 0; i < nFrame; i++) sum += frames[i * bands + band]!;
    const mean = sum / nFrame;
    for (let i = band; i < frames.length; i += bands)
      frames[i] = i < nFrame * bands ? (frames[i]! - mean) * GAIN : 0;
  }
}
