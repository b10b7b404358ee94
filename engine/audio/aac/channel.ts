/** One channel of a frame, once it is read. */

export const FRAME_SAMPLES = 1024;
/** `window_sequence`. */
export const SEQUENCES = ['long', 'start', 'short', 'stop'] as const;
export type Sequence = (typeof SEQUENCES)[number];

/** Books that stand for something other than coefficients. */
export const NOISE_BOOK = 13;
export const OUT_OF_PHASE_BOOK = 14;
export const IN_PHASE_BOOK = 15;
/** A filter over the coefficients of a window. */
export interface ShapingFilter {
  /** Bands that it covers, downwards from where the filter before ended. */
  readonly nBand: number;
  readonly isDownward: boolean;
  /** The all-pole filter's, without the first, which is 1. */
  readonly coefficients: readonly number[];
}

export interface WindowInfo {
  readonly sequence: Sequence;
  /** 0 is a sine, 1 Kaiser and Bessel's. */
  readonly shape: number;
  readonly nBand: number;
  /** Short windows by how many share their scale factors; one long window otherwise. */
  readonly groups: readonly number[];
  /** Coefficients of a window, and the bounds of its bands. */
  readonly windowSamples: number;
  readonly bounds: readonly number[];
}

export interface Band {
  readonly group: number;
  readonly index: number;
  readonly book: number;
  /** A scale factor, an intensity or the level of noise. */
  readonly factor: number;
  /** First coefficient in each of its windows. */
  readonly starts: readonly number[];
  readonly width: number;
}

export interface ChannelStream {
  readonly info: WindowInfo;
  readonly bands: readonly Band[];
  /** By window. */
  readonly shaping: readonly (readonly ShapingFilter[])[];
  /** 1024 coefficients, window after window, in units of 16-bit samples. */
  readonly spectrum: Float64Array;
}
