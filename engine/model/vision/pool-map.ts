/** The last map of an image encoder as a smaller grid of vectors, row by row. */

/** Rows [from, to) of `n` that part `i` of `nPart` covers: parts overlap where they do not divide (adaptive pooling). */
export function partRange(i: number, nPart: number, n: number): readonly [number, number] {
  return [Math.floor((i * n) / nPart), Math.ceil(((i + 1) * n) / nPart)];
}

/**
 * Means of the positions that each part of a grid covers.
 * @param map [side * side, stride] of which the first `width` of each row count
 * @param grid parts a side, at most `side` @returns [grid * grid, width]
 */
export function poolMap(
  map: Float32Array,
  {
    side,
    stride,
    width,
  }: { readonly side: number; readonly stride: number; readonly width: number },
  grid: number,
): Float32Array {
  const out = new Float32Array(grid * grid * width);
  for (let part = 0; part < grid * grid; part++) {
    const [top, bottom] = partRange(Math.floor(part / grid), grid, side);
    const [left, right] = partRange(part % grid, grid, side);
    const share = 1 / ((bottom - top) * (right - left));
    const sums = out.subarray(part * width, (part + 1) * width);
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) {
        const from = (y * side + x) * stride;
        for (let c = 0; c < width; c++) sums[c]! += map[from + c]! * share;
      }
  }
  return out;
}
