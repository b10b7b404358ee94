/** What is said in a recording, as text with times. Times are seconds from its beginning. */
import type { RetryReason, WindowQuality } from '../types.ts';

export interface TranscriptWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  /** Mean probability of its tokens. */
  readonly probability: number;
}

export interface TranscriptSegment extends WindowQuality {
  readonly id: number;
  /** Start of the window it was transcribed in, in frames of 10 ms. */
  readonly seek: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokens: readonly number[];
  /** Bytes of the text over those of its deflated form: loops deflate well. */
  readonly compressionRatio: number;
  /** Words with times, if requested; else null. */
  readonly words: readonly TranscriptWord[] | null;
  /** Probability of each token among those of texts; null without words. */
  readonly probabilities: readonly number[] | null;
}

/** Events of one recording, in order; a `retry` makes the last `partial` void. */
export type TranscriptEvent =
  | { readonly type: 'language'; readonly code: string; readonly probability: number }
  /** All of the running window's text so far. */
  | { readonly type: 'partial'; readonly text: string }
  | { readonly type: 'retry'; readonly reason: RetryReason }
  | { readonly type: 'segment'; readonly segment: TranscriptSegment }
  /** Seconds of the recording that are transcribed. */
  | { readonly type: 'progress'; readonly seconds: number }
  | { readonly type: 'done'; readonly summary: TranscriptSummary };

export interface TranscriptSummary {
  readonly seconds: number;
  readonly language: string;
  /** Number of windows. */
  readonly nWindow: number;
  readonly decodedTokens: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
  readonly loadMs: number;
  readonly queueMs: number;
}
