/** First rows of a picture's places. */
import { expect, test } from 'vitest';
import { patchPlaces } from '../../../engine/vision/patches.ts';
import { sinePlaces } from '../../../scripts/train/mini/places.ts';

const GRID = {
  ...{ size: 64, patch: 8, window: 16, cell: 4, directions: 8 },
  scan: 'columns',
} as const;
const DIM = 160;
const rows = sinePlaces(GRID, DIM);
const places = patchPlaces(GRID);
const product = (a: number, b: number): number =>
  rows
    .subarray(a * DIM, (a + 1) * DIM)
    .reduce((sum, value, i) => sum + value * rows[b * DIM + i]!, 0);

test('rows are as large as those of tokens, and no two are alike', () => {
  for (let i = 0; i < places.length; i++) {
    expect(Math.sqrt(product(i, i) / DIM)).toBeCloseTo(0.02, 6);
    for (let j = 0; j < i; j++) expect(product(i, j)).toBeLessThan(0.999 * product(i, i));
  }
});

test('a map of one value tells which of two is further right, whatever their rows', () => {
  // The slowest sine of the column rises from the first column to the last.
  const slowest = DIM - 4;
  for (const [i, { col }] of places.entries())
    for (const [j, other] of places.entries())
      if (col < other.col) expect(rows[i * DIM + slowest]!).toBeLessThan(rows[j * DIM + slowest]!);
});
