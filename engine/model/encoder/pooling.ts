/** One vector from a text's rows: their mean, the first or the last. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { Span } from './layers.ts';

export type Pooling = Exclude<EncoderConfig['pooling'], 'rank'>;
type Pool = (rows: Float32Array, stride: number, span: Span, nEmbd: number) => Float32Array;

const row: (rows: Float32Array, stride: number, index: number, nEmbd: number) => Float32Array = (
  rows,
  stride,
  index,
  nEmbd,
) => rows.slice(index * stride, index * stride + nEmbd);

const POOLINGS: Record<Pooling, Pool> = {
  cls: (rows, stride, { from }, nEmbd) => row(rows, stride, from, nEmbd),
  last: (rows, stride, { from, n }, nEmbd) => row(rows, stride, from + n - 1, nEmbd),
  mean(rows, stride, { from, n }, nEmbd) {
    const sum = row(rows, stride, from, nEmbd);
    for (let t = 1; t < n; t++) {
      const at = (from + t) * stride;
      for (let i = 0; i < nEmbd; i++) sum[i]! += rows[at + i]!;
    }
    for (let i = 0; i < nEmbd; i++) sum[i]! /= n;
    return sum;
  },
};

/** @param rows [T, stride] f32 */
export function pool(
  rows: Float32Array,
  stride: number,
  span: Span,
  pooling: Pooling,
  nEmbd: number,
): Float32Array {
  return POOLINGS[pooling](rows, stride, span, nEmbd);
}

/** Scales in place to length one; a vector of zeros stays zero. */
export function toLengthOne(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  const by = sum > 0 ? 1 / Math.sqrt(sum) : 0;
  for (let i = 0; i < vector.length; i++) vector[i]! *= by;
  return vector;
}
