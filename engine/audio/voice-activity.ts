/** Request and answer of voice activity detection: the contract between recordings and who runs it. */
import type { DetectorState, SpeechSegment, VadOptions } from './speech-detector.ts';

/** State that the next call goes on from. Plain data: it may be stored and sent. */
export interface VadState {
  /** The network's state, [2, 1, 128]. */
  readonly network: Float32Array;
  /** The last 64 samples of the last whole frame. */
  readonly context: Float32Array;
  /** Samples that do not fill a frame yet. */
  readonly rest: Float32Array;
  readonly detector: DetectorState;
}

export interface VadRequest {
  /** Mono, 16 kHz, -1 to 1; the next samples of the stream. */
  readonly samples: Float32Array;
  readonly options?: VadOptions;
  /** State of the previous call; null or absent at the beginning. */
  readonly state?: VadState | null;
  /** False when more will come: open speech is then not closed. True by default. */
  readonly isLast?: boolean;
}

export interface VadResult {
  /** Speech that ended, in seconds from the beginning of the stream, in order. */
  readonly segments: SpeechSegment[];
  /** Where speech began that has not ended, in seconds; null in silence and after the last call. */
  readonly openSinceS: number | null;
  /** Probability of speech for each frame of 32 ms judged in this call. */
  readonly probabilities: Float32Array;
  readonly state: VadState;
}
