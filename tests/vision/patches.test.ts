/** Pictures as vectors: which pixels each holds, at borders too, and what its edges say. */
import { expect, test } from 'vitest';
import { findEdges } from '../../engine/vision/edges.ts';
import {
  fitToGrid,
  patchCount,
  type PatchGrid,
  patchValues,
  patchVectors,
} from '../../engine/vision/patches.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

const random = new SeededRandom(6);
const pictureOf = (width: number, height = width): Picture => ({
  ...{ width, height },
  rgb: Uint8Array.from({ length: 3 * width * height }, () => random.integer(0, 255)),
});
const GRID = { cell: 1, directions: 0, scan: 'rows' } as const;

test.each([
  { ...GRID, size: 8, patch: 2, window: 2 },
  { ...GRID, size: 8, patch: 4, window: 8 },
  { ...GRID, size: 12, patch: 3, window: 5 },
  { ...GRID, size: 12, patch: 3, window: 5, scan: 'columns' },
] as const)('every value is the pixel at its place: $size, $patch, $window, $scan', (grid) => {
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
          const [outer, inner] = [Math.floor(patch / nSide), patch % nSide];
          const [down, right] = grid.scan === 'rows' ? [outer, inner] : [inner, outer];
          const row = clamp(down * grid.patch + y - margin);
          const col = clamp(right * grid.patch + x - margin);
          const byte = picture.rgb[3 * (row * grid.size + col) + c]!;
          expect(found[at++]).toBeCloseTo((byte / 127.5 - 1) / 16, 6);
        }
});

test('a cell has the mean colour of its pixels, twice as large for twice the side', () => {
  const picture = pictureOf(8);
  const grid: PatchGrid = { ...GRID, size: 8, patch: 4, window: 4 };
  const pixels = patchVectors(picture, grid);
  const cells = patchVectors(picture, { ...grid, cell: 2 });
  expect(cells).toHaveLength(pixels.length / 4);
  for (let patch = 0; patch < 4; patch++)
    for (let y = 0; y < 2; y++)
      for (let x = 0; x < 2; x++)
        for (let c = 0; c < 3; c++) {
          const of = (dy: number, dx: number) =>
            pixels[48 * patch + 3 * (4 * (2 * y + dy) + 2 * x + dx) + c]!;
          const mean = (of(0, 0) + of(0, 1) + of(1, 0) + of(1, 1)) / 4;
          expect(cells[12 * patch + 3 * (2 * y + x) + c]).toBeCloseTo(2 * mean, 6);
        }
});

/** Light where the function is above 0. */
function drawn(size: number, isLight: (x: number, y: number) => boolean, light = 255): Picture {
  const rgb = new Uint8Array(3 * size * size).fill(255 - light);
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++)
      if (isLight(x, y)) rgb.fill(light, 3 * (y * size + x), 3 * (y * size + x) + 3);
  return { width: size, height: size, rgb };
}

test.each([
  ['upright', (x: number) => x < 4, 0],
  ['flat', (_x: number, y: number) => y < 4, 0.5],
  ['falling', (x: number, y: number) => x > y, 0.75],
  ['rising', (x: number, y: number) => x + y < 7, 0.25],
] as const)('an edge that is %s lies so, on dark and on light ground', (_, isLight, turn) => {
  for (const light of [255, 0]) {
    const { strength, direction } = findEdges(drawn(8, isLight, light));
    // At a border a pixel lacks a neighbour.
    const isInside = (at: number): boolean =>
      [at % 8, Math.floor(at / 8)].every((i) => i > 0 && i < 7);
    const edge = [...strength.keys()].filter((at) => strength[at]! > 0.7 && isInside(at));
    expect(edge.length).toBeGreaterThanOrEqual(6);
    for (const at of edge) expect(direction[at]).toBeCloseTo(turn, 6);
  }
});

test('the edges of a window count by cell and direction, alike in strong and in weak light', () => {
  const grid: PatchGrid = { ...GRID, size: 8, patch: 8, window: 8, cell: 4, directions: 4 };
  const edgesOf = (picture: Picture) => patchVectors(picture, grid).subarray(12);
  const upright = edgesOf(drawn(8, (x) => x < 6));
  // Right cells have all of it, in the first direction.
  const shares = [...upright].map((value) => value / Math.max(...upright));
  expect(shares).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  expect(Math.hypot(...upright)).toBeGreaterThan(0.4);
  expect(Math.hypot(...upright)).toBeLessThan(0.5);
  const inverted = edgesOf(drawn(8, (x) => x < 6, 0));
  expect([...inverted]).toEqual([...upright]);
  expect(edgesOf(drawn(8, () => true)).every((value) => value === 0)).toBe(true);
  // Between two directions both count.
  const slanted = findEdges(drawn(8, (x, y) => x > y));
  expect(Math.max(...slanted.direction)).toBeCloseTo(0.75, 6);
  const three = patchVectors(
    drawn(8, (x, y) => x > y),
    { ...grid, cell: 8, directions: 2 },
  ).subarray(3);
  expect(three[0]).toBeCloseTo(three[1]!, 1);
});

test('a picture of another size is refused until it is fitted', () => {
  const grid: PatchGrid = { ...GRID, size: 8, patch: 2, window: 4 };
  const wide = pictureOf(20, 11);
  expect(() => patchVectors(wide, grid)).toThrow(/20 x 11 pixels; expected 8/);
  expect(patchVectors(fitToGrid(wide, grid), grid)).toHaveLength(16 * 48);
  const same = pictureOf(8);
  expect(fitToGrid(same, grid)).toBe(same);
});
