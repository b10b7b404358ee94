/** What a detector of speech is asked and answers: the contract between recordings and whoever runs one. */
import type { DetectorState, SpeechSegment, VadOptions } from './speech-detector.ts';

/** What the next call goes on from. Plain data: it may be stored and sent. */
export interface VadState {
  /** The network's, [2, 1, 128]. */
  readonly network: Float32Array;
  /** The last 64 samples of the last whole frame. */
  readonly context: Float32Array;
  /** Samples that make no whole frame yet. */
  readonly rest: Float32Array;
  readonly detector: DetectorState;
}

export interface VadRequest {
  /** Mono, 16 kHz, -1 to 1; what comes next in the stream. */
  readonly samples: Float32Array;
  readonly options?: VadOptions;
  /** Of the call before; null or absent at the beginning. */
  readonly state?: VadState | null;
  /** False when more will come: open speech is then not closed. True by default. */
  readonly isLast?: boolean;
}

export interface VadResult {
  /** Speech that ended, in seconds from the beginning of the stream, in order. */
  readonly segments: SpeechSegment[];
  /** Where speech began that goes on, in seconds; null in silence and after the last call. */
  readonly openSinceS: number | null;
  /** One of each frame of 32 ms that was judged in this call. */
  readonly probabilities: Float32Array;
  readonly state: VadState;
}
