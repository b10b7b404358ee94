/**
 * Edges of a picture by how they lie, whatever the colours on both sides (histograms of oriented gradients, Dalal and
 * Triggs, CVPR 2005): a shape has the same ones on a dark ground as on a light one.
 */
import type { Picture } from './picture.ts';

/** Of each pixel: how strong its edge is, from 0 to 1, and which way it lies. */
export interface Edges {
  /** [height, width] */
  readonly strength: Float32Array;
  /** [height, width], in parts of a half turn from 0 to 1: 0 for an edge that stands upright, 0.5 for one that lies flat. */
  readonly direction: Float32Array;
}

const LARGEST_DIFFERENCE = 255;

/** Of the colour that changes most at a pixel, by the difference of its neighbours; those at a border have one less. */
export function findEdges({ width, height, rgb }: Picture): Edges {
  const strength = new Float32Array(width * height);
  const direction = new Float32Array(width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [left, right] = [Math.max(0, x - 1), Math.min(width - 1, x + 1)];
      const [above, below] = [Math.max(0, y - 1), Math.min(height - 1, y + 1)];
      let [most, mostX, mostY] = [0, 0, 0];
      for (let c = 0; c < 3; c++) {
        const dx = rgb[3 * (y * width + right) + c]! - rgb[3 * (y * width + left) + c]!;
        const dy = rgb[3 * (below * width + x) + c]! - rgb[3 * (above * width + x) + c]!;
        const size = dx * dx + dy * dy;
        if (size > most) [most, mostX, mostY] = [size, dx, dy];
      }
      if (most === 0) continue;
      const at = y * width + x;
      strength[at] = Math.sqrt(most / 2) / LARGEST_DIFFERENCE;
      const turn = Math.atan2(mostY, mostX) / Math.PI;
      direction[at] = (turn + 1) % 1;
    }
  return { strength, direction };
}
