/** Plain references of training, in float64: what the kernels, and the graphs made of them, are tested against. */

/** A matrix, row by row. */
export interface Matrix {
  readonly nRow: number;
  readonly nCol: number;
  readonly values: Float64Array;
}

/** op(A) op(B), where element (i, j) of op(A) is a[i aRow + j aCol], likewise B. */
export function gemmReference(
  [m, n, k]: readonly [number, number, number],
  a: ArrayLike<number>,
  [aRow, aCol]: readonly [number, number],
  b: ArrayLike<number>,
  [bRow, bCol]: readonly [number, number],
): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += a[i * aRow + p * aCol]! * b[p * bRow + j * bCol]!;
      c[i * n + j] = sum;
    }
  return c;
}

/** x W^T. */
export function linearReference(x: Matrix, w: Matrix): Matrix {
  const shape = [x.nRow, w.nRow, x.nCol] as const;
  const values = gemmReference(shape, x.values, [x.nCol, 1], w.values, [1, x.nCol]);
  return { nRow: x.nRow, nCol: w.nRow, values };
}

export function rmsNormReference(x: Matrix, weight: Matrix, eps: number): Matrix {
  const values = x.values.slice();
  for (let r = 0; r < x.nRow; r++) {
    const row = values.subarray(r * x.nCol, (r + 1) * x.nCol);
    const mean = row.reduce((sum, value) => sum + value * value, 0) / x.nCol;
    const scale = 1 / Math.sqrt(mean + eps);
    for (let i = 0; i < row.length; i++) row[i] = row[i]! * scale * weight.values[i]!;
  }
  return { ...x, values };
}

/** Pairs half a head apart, turned by the row's position, its number modulo nPosition. */
export function ropeReference(x: Matrix, headDim: number, nPosition: number, base: number): Matrix {
  const values = x.values.slice();
  const half = headDim / 2;
  for (let r = 0; r < x.nRow; r++)
    for (let at = r * x.nCol; at < (r + 1) * x.nCol; at += headDim)
      for (let i = 0; i < half; i++) {
        const angle = (r % nPosition) * base ** (-i / half);
        const [a, b] = [x.values[at + i]!, x.values[at + half + i]!];
        values[at + i] = a * Math.cos(angle) - b * Math.sin(angle);
        values[at + half + i] = b * Math.cos(angle) + a * Math.sin(angle);
      }
  return { ...x, values };
}

export function swigluReference(gate: Matrix, up: Matrix): Matrix {
  const values = gate.values.map((g, i) => (g / (1 + Math.exp(-g))) * up.values[i]!);
  return { ...gate, values };
}

/** Causal attention of sequences of nPosition rows; heads of queries share those of keys in groups. */
export function causalReference(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  headDim: number,
  nPosition: number,
): Matrix {
  const values = new Float64Array(q.values.length);
  const [nHead, nKvHead] = [q.nCol / headDim, k.nCol / headDim];
  for (let r = 0; r < q.nRow; r++)
    for (let h = 0; h < nHead; h++) {
      const group = Math.floor(h / (nHead / nKvHead));
      const qAt = r * q.nCol + h * headDim;
      const first = r - (r % nPosition);
      const scores: number[] = [];
      for (let s = first; s <= r; s++) {
        let dot = 0;
        for (let i = 0; i < headDim; i++)
          dot += q.values[qAt + i]! * k.values[s * k.nCol + group * headDim + i]!;
        scores.push(Math.exp(dot / Math.sqrt(headDim)));
      }
      const sum = scores.reduce((a, b) => a + b, 0);
      for (const [s, score] of scores.entries())
        for (let i = 0; i < headDim; i++)
          values[qAt + i]! += (score / sum) * v.values[(first + s) * v.nCol + group * headDim + i]!;
    }
  return { ...q, values };
}

/** Per row weight times -log softmax(logits)[target]. */
export function crossEntropyReference(
  logits: Matrix,
  targets: ArrayLike<number>,
  weights: ArrayLike<number>,
): Float64Array {
  return Float64Array.from({ length: logits.nRow }, (_, r) => {
    const row = logits.values.subarray(r * logits.nCol, (r + 1) * logits.nCol);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
    return weights[r]! * (top + Math.log(sum) - row[targets[r]!]!);
  });
}

export interface AdamwReferenceOptions {
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly decay: number;
}

/** One update, of step `step` counted from 1, in place. */
export function adamwReference(
  w: Float64Array,
  g: Float64Array,
  { mean, square }: { readonly mean: Float64Array; readonly square: Float64Array },
  step: number,
  { rate, beta1, beta2, eps, decay }: AdamwReferenceOptions,
): void {
  for (let i = 0; i < w.length; i++) {
    mean[i] = beta1 * mean[i]! + (1 - beta1) * g[i]!;
    square[i] = beta2 * square[i]! + (1 - beta2) * g[i]! * g[i]!;
    const m = mean[i]! / (1 - beta1 ** step);
    const v = square[i]! / (1 - beta2 ** step);
    w[i] = w[i]! * (1 - rate * decay) - (rate * m) / (Math.sqrt(v) + eps);
  }
}
