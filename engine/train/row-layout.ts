/** Which rows of the memory a step uses, and which of them are sequences: read anew in every phase. */
import type { ReadViews } from './views.ts';

export interface RowLayout {
  /** Rows in use; those after them are neither read nor written. */
  nRow(): number;
  /** First row of every sequence in ascending order, then nRow. */
  starts(): ArrayLike<number>;
  /**
   * Of every sequence that which it goes on from, or its own number. Such a trunk begins anew, and all that go on from it
   * follow it: what several texts begin with is there once. Without it every sequence begins anew.
   */
  trunks?(): ArrayLike<number>;
}

/** First row and number of rows of the sequence that another one goes on from; null where it begins anew. */
export function trunkOf(
  rows: RowLayout,
  sequence: number,
): { readonly first: number; readonly nRow: number } | null {
  const trunk = rows.trunks?.()[sequence] ?? sequence;
  if (trunk === sequence) return null;
  const starts = rows.starts();
  return { first: starts[trunk]!, nRow: starts[trunk + 1]! - starts[trunk]! };
}

/** [first sequence, end] of those that go on from one, and the one itself. */
export function familiesOf(rows: RowLayout): (readonly [from: number, to: number])[] {
  const [starts, trunks, nRow] = [rows.starts(), rows.trunks?.(), rows.nRow()];
  const families: (readonly [from: number, to: number])[] = [];
  let from = 0;
  for (let i = 0; starts[i]! < nRow; i++) {
    const isLast = starts[i + 1]! >= nRow;
    if (!isLast && trunks !== undefined && trunks[i + 1] === from) continue;
    families.push([from, i + 1]);
    from = i + 1;
  }
  return families;
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
