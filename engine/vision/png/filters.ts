/** Filters of PNG's rows (w3.org/TR/png-3, 9). */
import { invalidPicture } from '../picture.ts';

export function rowBytesOf(width: number, pixelBits: number): number {
  return Math.ceil((width * pixelBits) / 8);
}

/**
 * Undoes the filter of a row in place.
 * @param row its filter's number, then its bytes
 * @param before the row above, undone already; zeros above the first
 * @param step bytes from a pixel to the next, at least 1
 * @throws {EngineError} E_IMAGE_INVALID
 */
export function unfilter(row: Uint8Array, before: Uint8Array, step: number): void {
  const undo = FILTERS[row[0]!];
  if (undo === undefined)
    throw invalidPicture(`is damaged (filter ${row[0]} of a row)`, 'a whole PNG');
  undo(row, before, step);
}

type Undo = (row: Uint8Array, before: Uint8Array, step: number) => void;

const FILTERS: readonly Undo[] = [
  () => {},
  (row, _before, step) => {
    for (let i = 1 + step; i < row.length; i++) row[i] = row[i]! + row[i - step]!;
  },
  (row, before) => {
    for (let i = 1; i < row.length; i++) row[i] = row[i]! + before[i]!;
  },
  (row, before, step) => {
    for (let i = 1; i < row.length; i++) {
      const left = i > step ? row[i - step]! : 0;
      row[i] = row[i]! + ((left + before[i]!) >> 1);
    }
  },
  (row, before, step) => {
    for (let i = 1; i < row.length; i++) {
      const left = i > step ? row[i - step]! : 0;
      const corner = i > step ? before[i - step]! : 0;
      row[i] = row[i]! + paeth(left, before[i]!, corner);
    }
  },
];

function paeth(left: number, above: number, corner: number): number {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
