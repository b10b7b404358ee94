/** Plain reference of the largest products of rows, in float64. */
import type { DenseRows } from './attend.ts';

/** For each row of `a`, its largest product with a row of `b`: [a.n]. */
export function maxSimReference(a: DenseRows, b: DenseRows, width: number): Float64Array {
  return Float64Array.from({ length: a.n }, (_, i) => {
    let top = -Infinity;
    for (let j = 0; j < b.n; j++) {
      let sum = 0;
      for (let k = 0; k < width; k++)
        sum += a.values[i * a.stride + k]! * b.values[j * b.stride + k]!;
      top = Math.max(top, sum);
    }
    return top;
  });
}
