/** Plain reference of attention for one head and one query, in float64. */
import { softmaxReference } from './elementwise.ts';

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
