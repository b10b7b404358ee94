/** What is said in a recording, as text with times. Times are seconds from its beginning. */
import type { RetryReason, WindowQuality } from '../types.ts';

export interface TranscriptWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  /** Mean of its tokens'. */
  readonly probability: number;
}

export interface TranscriptSegment extends WindowQuality {
  readonly id: number;
  /** Where the window began that it was heard in, in frames of 10 ms. */
  readonly seek: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly tokens: readonly number[];
  /** Bytes of the text over those of its deflated form: loops deflate well. */
  readonly compressionRatio: number;
  /** When times of words were asked for. */
  readonly words: readonly TranscriptWord[] | null;
}

/** Events of one recording, in order; `partial` may be void again after a `retry`. */
export type TranscriptEvent =
  | { readonly type: 'language'; readonly code: string; readonly probability: number }
  /** All of the running window's text so far. */
  | { readonly type: 'partial'; readonly text: string }
  | { readonly type: 'retry'; readonly reason: RetryReason }
  | { readonly type: 'segment'; readonly segment: TranscriptSegment }
  /** Up to here the recording is dealt with. */
  | { readonly type: 'progress'; readonly seconds: number }
  | { readonly type: 'done'; readonly summary: TranscriptSummary };

export interface TranscriptSummary {
  readonly seconds: number;
  readonly language: string;
  /** Of all windows. */
  readonly nWindow: number;
  readonly decodedTokens: number;
  readonly encodeMs: number;
  readonly decodeMs: number;
  readonly loadMs: number;
  readonly queueMs: number;
}
