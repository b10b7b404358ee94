/** Which rows of the memory a step uses, and which of them are sequences: read anew in every phase. */

export interface RowLayout {
  /** Rows in use; those after them are neither read nor written. */
  nRow(): number;
  /** First row of every sequence in ascending order, then nRow. */
  starts(): ArrayLike<number>;
}

/** Sequences of one length that always are all there. */
export function evenLayout(nSequence: number, nPosition: number): RowLayout {
  const starts = Array.from({ length: nSequence + 1 }, (_, i) => i * nPosition);
  return { nRow: () => nSequence * nPosition, starts: () => starts };
}
