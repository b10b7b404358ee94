/** The cheapest way through a matrix from its first to its last cell (openai/whisper, timing.py). */

/**
 * @param cost [nRow, nCol]
 * @returns for every row the column in which the path enters it
 */
export function warpRows(cost: Float32Array, nRow: number, nCol: number): Int32Array {
  const [DIAGONAL, DOWN, RIGHT] = [0, 1, 2];
  const width = nCol + 1;
  const trace = new Uint8Array((nRow + 1) * width);
  let above = new Float32Array(width).fill(Infinity);
  let here = new Float32Array(width);
  above[0] = 0;
  for (let i = 1; i <= nRow; i++) {
    here[0] = Infinity;
    for (let j = 1; j <= nCol; j++) {
      const [diagonal, down, right] = [above[j - 1]!, above[j]!, here[j - 1]!];
      let [best, from] = [right, RIGHT];
      if (diagonal < down && diagonal < right) [best, from] = [diagonal, DIAGONAL];
      else if (down < diagonal && down < right) [best, from] = [down, DOWN];
      here[j] = cost[(i - 1) * nCol + j - 1]! + best;
      trace[i * width + j] = from;
    }
    [above, here] = [here, above];
  }
  const entered = new Int32Array(nRow);
  for (let i = nRow, j = nCol; i > 0 && j > 0;) {
    entered[i - 1] = j - 1;
    const from = trace[i * width + j]!;
    if (from !== DOWN) j--;
    if (from !== RIGHT) i--;
  }
  return entered;
}

/** Each row's values replaced by the median of `width` neighbours, mirrored at the ends. */
export function medianFilter(values: Float32Array, nCol: number, width: number): void {
  const half = width >> 1;
  if (nCol <= half) return;
  const window = new Float32Array(width);
  const row = new Float32Array(nCol);
  for (let start = 0; start < values.length; start += nCol) {
    row.set(values.subarray(start, start + nCol));
    for (let j = 0; j < nCol; j++) {
      for (let k = -half; k <= half; k++) {
        const at = Math.abs(j + k);
        window[k + half] = row[at < nCol ? at : 2 * (nCol - 1) - at]!;
      }
      sortFew(window);
      values[start + j] = window[half]!;
    }
  }
}

/** Insertion sort: windows hold a handful. */
function sortFew(values: Float32Array): void {
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    let j = i - 1;
    for (; j >= 0 && values[j]! > value; j--) values[j + 1] = values[j]!;
    values[j + 1] = value;
  }
}
