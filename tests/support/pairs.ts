/** The loss of pairs of texts by the plain references, and by another project's automatic differentiation. */
import { nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import {
  contrastiveReference,
  type Matrix,
  meanRowsReference,
} from '../../engine/kernels/reference/training.ts';
import type { PairShape } from '../../engine/train/pairs.ts';
import type { PairBatch } from '../../scripts/train/pair-training.ts';
import { decoderRowsReference, type ReferenceWeights } from './decoder-reference.ts';

/** Sum over the pairs. */
export function pairsLoss(
  weights: ReferenceWeights,
  shape: PairShape,
  { tokens, shares }: PairBatch,
): number {
  const half = tokens.length / 2;
  const side = (from: number, prefix: string): Matrix => {
    const own = tokens.subarray(from, from + half);
    const rows = decoderRowsReference(weights, shape, own, prefix);
    return meanRowsReference(rows, shares.subarray(from, from + half), shape.nContext);
  };
  const b = side(half, shape.nTower === 2 ? 'b.' : '');
  return contrastiveReference(side(0, ''), b, shape.temperature);
}

/** InfoNCE over two matrices of vectors, and its slopes by both. */
export async function jaxContrastive(
  a: Matrix,
  b: Matrix,
  temperature: number,
): Promise<{ readonly loss: number; readonly slopes: readonly [Float64Array, Float64Array] }> {
  const leaf = ({ nRow, nCol, values }: Matrix) =>
    np.array(values.slice(), { dtype: np.float64 }).reshape([nRow, nCol]);
  type Leaf = ReturnType<typeof leaf>;
  const unit = (x: Leaf): Leaf =>
    x.ref.div(np.sqrt(np.sum(np.square(x.ref), 1, { keepdims: true })));
  const diagonal = Float64Array.from({ length: a.nRow ** 2 }, (_, at) =>
    at % (a.nRow + 1) === 0 ? 1 : 0,
  );
  const own = leaf({ nRow: a.nRow, nCol: a.nRow, values: diagonal });
  const forward = ({ a: ours, b: theirs }: { a: Leaf; b: Leaf }): Leaf => {
    const scores = np.matmul(unit(ours), np.transpose(unit(theirs))).div(temperature);
    const way = (all: Leaf): Leaf => nn.logSoftmax(all, -1).mul(own.ref).sum();
    return way(scores.ref)
      .add(way(np.transpose(scores)))
      .mul(-0.5);
  };
  const [loss, slopes] = valueAndGrad(forward)({ a: leaf(a), b: leaf(b) });
  return {
    loss: (await loss.data())[0]!,
    slopes: [Float64Array.from(await slopes.a.data()), Float64Array.from(await slopes.b.data())],
  };
}
