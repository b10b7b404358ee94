/**
 * Where a recording is cut into windows for the recogniser: at pauses, where a detector has found some.
 * Pure: knows segments of speech and positions, no samples.
 */
import { MAX_SAMPLES, SAMPLE_RATE } from '../types.ts';

/** A range in samples from the recording's beginning. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A window that is at least this long ends at the next pause: the encoder costs more than its length. */
const ENOUGH_SAMPLES = 15 * SAMPLE_RATE;

export interface Cut extends Span {
  /** Number of segments that the window contains. */
  readonly nSegment: number;
  /** Whether speech goes on after the window: its untranscribed rest is transcribed again. */
  readonly isHard: boolean;
}

/**
 * The next window, or null when more has to be read.
 * @param segments that have ended, in order
 * @param openSince where speech began that has not ended, or null
 * @param readTo how far the recording has been read
 * @param isOver whether nothing follows
 */
export function nextCut(
  segments: readonly Span[],
  openSince: number | null,
  readTo: number,
  isOver: boolean,
): Cut | null {
  const first = segments[0]?.from ?? openSince;
  if (first === null || first === undefined) return null;
  const limit = first + MAX_SAMPLES;
  const fitting = segments.filter(({ to }) => to <= limit);
  const last = fitting.at(-1);
  const isFull = fitting.length < segments.length || readTo >= limit;
  const isEnough = last !== undefined && last.to - first >= ENOUGH_SAMPLES;
  if (last !== undefined && (isFull || isEnough || (isOver && openSince === null)))
    return { from: first, to: last.to, nSegment: fitting.length, isHard: false };
  // One stretch of speech, longer than a window.
  if (isFull) return { from: first, to: limit, nSegment: 0, isHard: true };
  return isOver ? { from: first, to: readTo, nSegment: segments.length, isHard: false } : null;
}
