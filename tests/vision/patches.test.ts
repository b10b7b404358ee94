/** Pictures as vectors: which pixels each holds, at edges too. */
import { expect, test } from 'vitest';
import {
  fitToGrid,
  patchCount,
  patchValues,
  patchVectors,
  pictureOfPatches,
} from '../../engine/vision/patches.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

const random = new SeededRandom(6);
const pictureOf = (width: number, height = width) => ({
  ...{ width, height },
  rgb: Uint8Array.from({ length: 3 * width * height }, () => random.integer(0, 255)),
});

test.each([
  { size: 8, patch: 2, window: 2 },
  { size: 8, patch: 4, window: 8 },
  { size: 12, patch: 3, window: 5 },
])('every value is the pixel at its place: $size, $patch, $window', (grid) => {
  const picture = pictureOf(grid.size);
  const found = patchVectors(picture, grid);
  expect(found).toHaveLength(patchCount(grid) * patchValues(grid));
  const nSide = grid.size / grid.patch;
  const margin = (grid.window - grid.patch) / 2;
  let at = 0;
  for (let patch = 0; patch < nSide * nSide; patch++)
    for (let y = 0; y < grid.window; y++)
      for (let x = 0; x < grid.window; x++)
        for (let c = 0; c < 3; c++) {
          const clamp = (value: number) => Math.max(0, Math.min(grid.size - 1, value));
          const row = clamp(Math.floor(patch / nSide) * grid.patch + y - margin);
          const col = clamp((patch % nSide) * grid.patch + x - margin);
          const byte = picture.rgb[3 * (row * grid.size + col) + c]!;
          expect(found[at++]).toBeCloseTo((byte / 127.5 - 1) / 16, 6);
        }
  expect(pictureOfPatches(found, grid)).toEqual(picture);
});

test('a picture of another size is refused until it is fitted', () => {
  const grid = { size: 8, patch: 2, window: 4 };
  const wide = pictureOf(20, 11);
  expect(() => patchVectors(wide, grid)).toThrow(/20 x 11 pixels; expected 8/);
  expect(patchVectors(fitToGrid(wide, grid), grid)).toHaveLength(16 * 48);
  const same = pictureOf(8);
  expect(fitToGrid(same, grid)).toBe(same);
});
