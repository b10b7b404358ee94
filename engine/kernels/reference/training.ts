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

/** Pairs half a head apart, turned by the row's position, `first` and its number modulo nPosition. */
export function ropeReference(
  x: Matrix,
  headDim: number,
  nPosition: number,
  base: number,
  first = 0,
): Matrix {
  const values = x.values.slice();
  const half = headDim / 2;
  for (let r = 0; r < x.nRow; r++)
    for (let at = r * x.nCol; at < (r + 1) * x.nCol; at += headDim)
      for (let i = 0; i < half; i++) {
        const angle = (first + (r % nPosition)) * base ** (-i / half);
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

/** What every query sees before its own sequence. */
export interface KeptReference {
  readonly keys: Matrix;
  readonly values: Matrix;
}

/** Causal attention of sequences of nPosition rows; heads of queries share those of keys in groups. */
export function causalReference(
  q: Matrix,
  k: Matrix,
  v: Matrix,
  headDim: number,
  nPosition: number,
  before: KeptReference | null = null,
): Matrix {
  const values = new Float64Array(q.values.length);
  const [nHead, nKvHead] = [q.nCol / headDim, k.nCol / headDim];
  for (let r = 0; r < q.nRow; r++)
    for (let h = 0; h < nHead; h++) {
      const group = Math.floor(h / (nHead / nKvHead));
      const qAt = r * q.nCol + h * headDim;
      const seen = (side: Matrix, from: number, to: number): Float64Array[] =>
        Array.from({ length: to - from }, (_, i) => {
          const at = (from + i) * side.nCol + group * headDim;
          return side.values.subarray(at, at + headDim);
        });
      const all = (kept: Matrix | undefined, own: Matrix): Float64Array[] => [
        ...(kept === undefined ? [] : seen(kept, 0, kept.nRow)),
        ...seen(own, r - (r % nPosition), r + 1),
      ];
      const scores = all(before?.keys, k).map((key) => {
        const dot = key.reduce((sum, value, i) => sum + value * q.values[qAt + i]!, 0);
        return Math.exp(dot / Math.sqrt(headDim));
      });
      const sum = scores.reduce((a, b) => a + b, 0);
      for (const [s, value] of all(before?.values, v).entries())
        for (let i = 0; i < headDim; i++) values[qAt + i]! += (scores[s]! / sum) * value[i]!;
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

/**
 * Per row the divergence of p from softmax(logits), times weight, where p has `k` shares at ids and is 0 elsewhere; and its
 * slopes by the logits.
 */
export function divergenceReference(
  logits: Matrix,
  ids: ArrayLike<number>,
  shares: ArrayLike<number>,
  weights: ArrayLike<number>,
): { readonly losses: Float64Array; readonly slopes: Float64Array } {
  const { nRow, nCol } = logits;
  const k = ids.length / nRow;
  const losses = new Float64Array(nRow);
  const slopes = new Float64Array(logits.values.length);
  for (let r = 0; r < nRow; r++) {
    const row = logits.values.subarray(r * nCol, (r + 1) * nCol);
    const top = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((total, value) => total + Math.exp(value - top), 0);
    for (let i = 0; i < nCol; i++)
      slopes[r * nCol + i] = (weights[r]! * Math.exp(row[i]! - top)) / sum;
    for (let j = 0; j < k; j++) {
      const [id, share] = [ids[r * k + j]!, shares[r * k + j]!];
      slopes[r * nCol + id]! -= weights[r]! * share;
      const log = row[id]! - top - Math.log(sum);
      if (share > 0) losses[r]! += weights[r]! * share * (Math.log(share) - log);
    }
  }
  return { losses, slopes };
}

/** The mean rows of sequences of nPosition rows, by shares. */
export function meanRowsReference(x: Matrix, shares: ArrayLike<number>, nPosition: number): Matrix {
  const nRow = x.nRow / nPosition;
  const values = new Float64Array(nRow * x.nCol);
  for (let r = 0; r < x.nRow; r++)
    for (let i = 0; i < x.nCol; i++)
      values[Math.floor(r / nPosition) * x.nCol + i]! += shares[r]! * x.values[r * x.nCol + i]!;
  return { nRow, nCol: x.nCol, values };
}

/** InfoNCE over the rows of two matrices, both ways, each counting half: its sum over the pairs. */
export function contrastiveReference(a: Matrix, b: Matrix, temperature: number): number {
  const unit = ({ nRow, nCol, values }: Matrix): Float64Array[] =>
    Array.from({ length: nRow }, (_, r) => {
      const row = values.subarray(r * nCol, (r + 1) * nCol);
      const length = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
      return row.map((x) => x / length);
    });
  const [ours, theirs] = [unit(a), unit(b)];
  const oneWay = (rows: Float64Array[], others: Float64Array[]): number =>
    rows.reduce((sum, row, i) => {
      const scores = others.map(
        (other) => other.reduce((dot, x, k) => dot + x * row[k]!, 0) / temperature,
      );
      const top = Math.max(...scores);
      const total = scores.reduce((all, score) => all + Math.exp(score - top), 0);
      return sum + top + Math.log(total) - scores[i]!;
    }, 0);
  return (oneWay(ours, theirs) + oneWay(theirs, ours)) / 2;
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
