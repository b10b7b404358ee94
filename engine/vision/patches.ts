/**
 * A picture as vectors: one for each patch of a grid, row by row, with the pixels around it where the window is larger than
 * the patch (what arXiv 2010.11929 feeds to a transformer, with an overlap).
 */
import { EngineError } from '../base/errors.ts';
import type { Picture } from './picture.ts';
import { resize } from './resize.ts';

/** How a model sees pictures. Lengths in pixels. */
export interface PatchGrid {
  /** Side of the square that every picture is made. */
  readonly size: number;
  /** Side of a patch, which divides `size`. */
  readonly patch: number;
  /** Side of what a vector holds, with the patch in its middle. */
  readonly window: number;
}

/** Small, so that the map of many values that rise together learns as slowly as the rows of tokens. */
const GAIN = 1 / 16;
const MIDDLE = 127.5;

export const patchCount = ({ size, patch }: PatchGrid): number => (size / patch) ** 2;
export const patchValues = ({ window }: PatchGrid): number => 3 * window * window;

/**
 * @returns [patchCount, patchValues], red, green and blue of each pixel from -GAIN to GAIN; beyond an edge its pixels repeat
 * @throws {EngineError} E_INTERNAL for a picture of another size
 */
export function patchVectors({ width, height, rgb }: Picture, grid: PatchGrid): Float32Array {
  const { size, patch, window } = grid;
  if (width !== size || height !== size)
    throw new EngineError('E_INTERNAL', `patches: ${width} x ${height} pixels; expected ${size}`);
  const out = new Float32Array(patchCount(grid) * patchValues(grid));
  const margin = (window - patch) / 2;
  const inside = (at: number): number => Math.min(size - 1, Math.max(0, at));
  let to = 0;
  for (let top = -margin; top + margin < size; top += patch)
    for (let left = -margin; left + margin < size; left += patch)
      for (let y = top; y < top + window; y++)
        for (let x = left; x < left + window; x++) {
          const from = 3 * (inside(y) * size + inside(x));
          for (let i = 0; i < 3; i++) out[to++] = (rgb[from + i]! / MIDDLE - 1) * GAIN;
        }
  return out;
}

/** The picture that vectors were made of: the middle of each is its patch. */
export function pictureOfPatches(values: Float32Array, grid: PatchGrid): Picture {
  const { size, patch, window } = grid;
  const rgb = new Uint8Array(3 * size * size);
  const margin = (window - patch) / 2;
  const nSide = size / patch;
  for (let i = 0; i < nSide * nSide; i++)
    for (let y = 0; y < patch; y++)
      for (let x = 0; x < 3 * patch; x++) {
        const row = Math.floor(i / nSide) * patch + y;
        const left = (i % nSide) * patch;
        const from = i * patchValues(grid) + 3 * ((y + margin) * window + margin) + x;
        rgb[3 * (row * size + left) + x] = Math.round((values[from]! / GAIN + 1) * MIDDLE);
      }
  return { width: size, height: size, rgb };
}

/** A picture of any size, made as large as the grid; its proportions are not kept. */
export function fitToGrid(picture: Picture, { size }: PatchGrid): Picture {
  return picture.width === size && picture.height === size ? picture : resize(picture, size, size);
}
