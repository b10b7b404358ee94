/**
 * A picture as vectors: one for each patch of a grid, with the pixels around it where the window is larger than the patch
 * (what arXiv 2010.11929 feeds to a transformer, with an overlap). A vector holds the mean colours of the window's cells,
 * and the edges in them: with edges a linear map tells shapes apart, whatever their colours.
 */
import { EngineError } from '../base/errors.ts';
import { findEdges } from './edges.ts';
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
  /** Side of a cell, which divides `window`; 1 for single pixels. */
  readonly cell: number;
  /** Directions of edges that are told apart, or 0 for colours alone. */
  readonly directions: number;
  /**
   * What comes first. A decoder's patch knows those before it alone: by columns it has seen all that lies left of it, so
   * that what is told from left to right stands in that order.
   */
  readonly scan: 'rows' | 'columns';
}

/**
 * Of single pixels, and as much more of cells as these have sides: small, so that the map of many values that rise together
 * learns as slowly as the rows of tokens.
 */
const COLOUR_GAIN = 1 / 16;
const EDGE_GAIN = 1 / 2;
const MIDDLE = 127.5;
/** Edges of a window that together are weaker than this are shown as weak; stronger ones are all alike. */
const WEAK_EDGES = 1;

const nCells = ({ window, cell }: Pick<PatchGrid, 'window' | 'cell'>): number =>
  (window / cell) ** 2;
export const patchCount = ({ size, patch }: Pick<PatchGrid, 'size' | 'patch'>): number =>
  (size / patch) ** 2;
export const patchValues = (grid: Pick<PatchGrid, 'window' | 'cell' | 'directions'>): number =>
  nCells(grid) * (3 + grid.directions);

/** Where each vector's patch stands, in patches from the upper left corner. */
export function patchPlaces({ size, patch, scan }: PatchGrid): { row: number; col: number }[] {
  const nSide = size / patch;
  return Array.from({ length: nSide * nSide }, (_, i) => {
    const [outer, inner] = [Math.floor(i / nSide), i % nSide];
    return scan === 'rows' ? { row: outer, col: inner } : { row: inner, col: outer };
  });
}

/**
 * @returns [patchCount, patchValues]: first the colours of each cell, [cells, 3], red, green and blue from -g to g for a g of
 *   COLOUR_GAIN x cell, where beyond an edge of the picture its pixels repeat; then its edges, [cells, directions], from 0 to
 *   EDGE_GAIN, of pixels within the picture
 * @throws {EngineError} E_INTERNAL for a picture of another size
 */
export function patchVectors(picture: Picture, grid: PatchGrid): Float32Array {
  const { width, height } = picture;
  const { size, patch, window, directions } = grid;
  if (width !== size || height !== size)
    throw new EngineError('E_INTERNAL', `patches: ${width} x ${height} pixels; expected ${size}`);
  const nValue = patchValues(grid);
  const out = new Float32Array(patchCount(grid) * nValue);
  const margin = (window - patch) / 2;
  const writeEdges = directions > 0 ? edgeWriter(picture, grid) : null;
  for (const [i, { row, col }] of patchPlaces(grid).entries()) {
    const [top, left] = [row * patch - margin, col * patch - margin];
    const vector = out.subarray(i * nValue, (i + 1) * nValue);
    writeColours(picture, grid, top, left, vector.subarray(0, 3 * nCells(grid)));
    writeEdges?.(top, left, vector.subarray(3 * nCells(grid)));
  }
  return out;
}

/** @param out [cells, 3] */
function writeColours(
  { rgb }: Picture,
  { size, window, cell }: PatchGrid,
  top: number,
  left: number,
  out: Float32Array,
): void {
  const inside = (at: number): number => Math.min(size - 1, Math.max(0, at));
  const nSide = window / cell;
  for (let y = 0; y < window; y++)
    for (let x = 0; x < window; x++) {
      const from = 3 * (inside(top + y) * size + inside(left + x));
      const to = 3 * (Math.floor(y / cell) * nSide + Math.floor(x / cell));
      for (let c = 0; c < 3; c++) out[to + c]! += rgb[from + c]! / MIDDLE - 1;
    }
  for (let i = 0; i < out.length; i++) out[i]! *= COLOUR_GAIN / cell;
}

/** Writes [cells, directions] of a window: each pixel's edge counts for the two directions that it lies between. */
function edgeWriter(
  picture: Picture,
  { size, window, cell, directions }: PatchGrid,
): (top: number, left: number, out: Float32Array) => void {
  const { strength, direction } = findEdges(picture);
  const nSide = window / cell;
  return (top, left, out) => {
    for (let y = Math.max(0, -top); y < Math.min(window, size - top); y++)
      for (let x = Math.max(0, -left); x < Math.min(window, size - left); x++) {
        const at = (top + y) * size + left + x;
        if (strength[at] === 0) continue;
        const turn = direction[at]! * directions;
        const first = Math.floor(turn);
        const part = turn - first;
        const to = (Math.floor(y / cell) * nSide + Math.floor(x / cell)) * directions;
        out[to + (first % directions)]! += strength[at]! * (1 - part);
        out[to + ((first + 1) % directions)]! += strength[at]! * part;
      }
    const length = Math.sqrt(out.reduce((sum, value) => sum + value * value, 0));
    for (let i = 0; i < out.length; i++) out[i]! *= EDGE_GAIN / (length + WEAK_EDGES);
  };
}

/** A picture of any size, made as large as the grid; its proportions are not kept. */
export function fitToGrid(picture: Picture, { size }: Pick<PatchGrid, 'size'>): Picture {
  return picture.width === size && picture.height === size ? picture : resize(picture, size, size);
}
