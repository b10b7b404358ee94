/** Which rows of the memory a step uses, and which of them are sequences: read anew in every phase. */
import type { ReadViews } from './views.ts';

export interface RowLayout {
  /** Rows in use; those after them are neither read nor written. */
  nRow(): number;
  /** First row of every sequence in ascending order, then nRow. */
  starts(): ArrayLike<number>;
}

/** Sequences of one length that always are all there. */
export function evenLayout(nSequence: number, nPosition: number): RowLayout {
  const nRow = nSequence * nPosition;
  const starts = evenStarts(nRow, nPosition);
  return { nRow: () => nRow, starts: () => starts };
}

/**
 * Sequences that a pass says: at `address` the number of rows, then the first row of every sequence, then the number of
 * rows again.
 */
export function writtenLayout(address: number, views: ReadViews): RowLayout {
  return {
    nRow: () => views().words[address / 4]!,
    starts: () => views().words.subarray(address / 4 + 1),
  };
}

/** Values of 4 bytes that a layout of so many rows takes: each may be a sequence. */
export const layoutValues = (nRow: number): number => nRow + 2;

/** First rows of sequences of one length, then the number of rows. */
export function evenStarts(nRow: number, nPosition: number): number[] {
  return Array.from({ length: nRow / nPosition + 1 }, (_, i) => i * nPosition);
}
