/**
 * First rows of a picture's places: sines and cosines of column and row, as of arXiv 2104.02057, so that what is near each other
 * begins alike and a linear map can tell left from right. They are learned further.
 */
import { patchPlaces, type PatchGrid } from '../../../engine/vision/patches.ts';

/** As wide as the first rows of tokens. */
const WIDTH = 0.02;
/** Half a turn's cells of the fastest wave; the slowest takes four times the grid for a quarter of a turn. */
const FASTEST = 2;

/** @param dim a multiple of 4 @returns [places, dim] */
export function sinePlaces(grid: PatchGrid, dim: number): Float32Array {
  const places = patchPlaces(grid);
  const nSide = grid.size / grid.patch;
  const nWave = dim / 4;
  const out = new Float32Array(places.length * dim);
  for (const [i, { row, col }] of places.entries())
    for (let wave = 0; wave < nWave; wave++) {
      const turn = (Math.PI / FASTEST) * (2 * nSide) ** (-wave / (nWave - 1));
      const values = [col, row].flatMap((at) => [Math.sin(at * turn), Math.cos(at * turn)]);
      for (const [j, value] of values.entries())
        out[i * dim + 4 * wave + j] = WIDTH * Math.SQRT2 * value;
    }
  return out;
}
