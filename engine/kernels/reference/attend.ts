/** Plain references of attention, in float64. */
import { softmaxReference } from './elementwise.ts';

/** Rows of values, `stride` apart. */
export interface DenseRows {
  readonly values: ArrayLike<number>;
  readonly stride: number;
  readonly n: number;
}

/** Each query over all keys, head by head: [q.n, nHead * headDim], contiguous. */
export function attendDenseReference(
  q: DenseRows,
  k: DenseRows,
  v: DenseRows,
  nHead: number,
  headDim: number,
  scale: number,
): Float64Array {
  const width = nHead * headDim;
  const out = new Float64Array(q.n * width);
  for (let h = 0; h < nHead; h++) {
    const row = ({ values, stride }: DenseRows, i: number) =>
      Float64Array.from({ length: headDim }, (_, d) => values[i * stride + h * headDim + d]!);
    const keys = Array.from({ length: k.n }, (_, j) => row(k, j));
    const values = Array.from({ length: k.n }, (_, j) => row(v, j));
    for (let i = 0; i < q.n; i++)
      out.set(attendReference(row(q, i), keys, values, scale), i * width + h * headDim);
  }
  return out;
}

/**
 * sum_t softmax(scale q.k_t) v_t over t >= from; scores become c tanh(score / c) for a softcap c
 * that is not 0.
 */
export function attendReference(
  q: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  scale: number,
  { from = 0, softcap = 0 }: { from?: number; softcap?: number } = {},
): Float64Array {
  const seen = keys.slice(from);
  const scores = Float64Array.from(seen, (k) => {
    let sum = 0;
    for (let i = 0; i < q.length; i++) sum += q[i]! * k[i]!;
    const score = sum * scale;
    return softcap === 0 ? score : softcap * Math.tanh(score / softcap);
  });
  softmaxReference(scores);
  const out = new Float64Array(q.length);
  for (const [t, v] of values.slice(from).entries())
    for (let i = 0; i < out.length; i++) out[i]! += scores[t]! * v[i]!;
  return out;
}
