/** Plain reference of attention for one head and one query, in float64. */
import { softmaxReference } from './elementwise.ts';

/** sum_t softmax(scale q.k_t) v_t. */
export function attendReference(
  q: ArrayLike<number>,
  keys: readonly ArrayLike<number>[],
  values: readonly ArrayLike<number>[],
  scale: number,
): Float64Array {
  const scores = Float64Array.from(keys, (k) => {
    let sum = 0;
    for (let i = 0; i < q.length; i++) sum += q[i]! * k[i]!;
    return sum * scale;
  });
  softmaxReference(scores);
  const out = new Float64Array(q.length);
  for (const [t, v] of values.entries())
    for (let i = 0; i < out.length; i++) out[i]! += scores[t]! * v[i]!;
  return out;
}
