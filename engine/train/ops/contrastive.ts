/**
 * The loss of pairs among each other (InfoNCE, arXiv 1807.03748, both ways as in arXiv 2103.00020): of the cosines of a's
 * vectors with all of b's, over a temperature, how likely each one's own is, and the other way round. An operation over two
 * matrices of vectors, whatever made them: texts, or given vectors under a projector.
 */
import type { Arena } from '../arena.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';
import type { ReadViews } from '../views.ts';
import { TILE_ROWS } from './linear.ts';
import type { NextTokenPhases } from './next-token.ts';

/** Vectors of one side, by address: [nPair, n]. */
export interface VectorRows {
  readonly data: number;
  /** Of their slopes, which are made whole; null for vectors that nothing learned makes. */
  readonly grad: number | null;
}

export interface PairTargets {
  /** Address of 0, 1, 2 and so on, of 4 bytes each, nPair of them. */
  readonly ids: number;
  /** Address of an f32 a pair: half of how much it counts. */
  readonly weights: number;
  /** Address of 2 nPair f32: losses of a's vectors, then of b's, by weight. */
  readonly losses: number;
}

export interface ContrastiveShape {
  readonly nPair: number;
  /** Values of a vector, a multiple of 4. */
  readonly n: number;
  readonly temperature: number | LearnedTemperature;
}

/** A temperature that is learned with what makes the vectors. */
export interface LearnedTemperature {
  /** A weight whose first value is log(1 / temperature). */
  readonly logScale: Tensor;
  readonly views: ReadViews;
}

/** @returns losses, and slopes of both sides by losses that are made anew */
export function contrastive(
  arena: Arena,
  a: VectorRows,
  b: VectorRows,
  { nPair, n, temperature }: ContrastiveShape,
  { ids, weights, losses }: PairTargets,
): NextTokenPhases {
  const scaleOf = (): number =>
    typeof temperature === 'number' ? 1 / temperature : Math.exp(floatsOf(temperature)[0]!);
  const side = ({ data, grad }: VectorRows, scale: () => number) => ({
    ...{ data, grad, scale, unit: arena.values(nPair * n), inverse: arena.values(nPair) },
    ...{ dUnit: arena.values(nPair * n) },
  });
  // Cosines over the temperature: one side's vectors are that much longer.
  const [ours, theirs] = [side(a, scaleOf), side(b, () => 1)];
  /** Scores of a's vectors with b's, and of b's with a's; then their slopes. */
  const [scores, turned] = [arena.values(nPair * nPair), arena.values(nPair * nPair)];

  const unit: Phase = (thread) => {
    const [from, to] = partOf(thread, nPair);
    for (const { data, unit: out, inverse, scale } of [ours, theirs])
      thread.kernels.unitRows(
        ...([data + from * n * 4, out + from * n * 4, inverse + from * 4] as const),
        ...([n, to - from, scale()] as const),
      );
  };
  const score: Phase = ({ kernels, scratch, ...thread }) => {
    const [from, to] = partOf(thread, nPair, TILE_ROWS);
    const m = to - from;
    for (const [i, [rows, columns, out]] of [
      [ours, theirs, scores] as const,
      [theirs, ours, turned] as const,
    ].entries()) {
      const at = out + from * nPair * 4;
      kernels.gemm(
        ...([m, nPair, n, rows.unit + from * n * 4, n, 1, columns.unit, 1, n] as const),
        ...([at, nPair, 0, scratch] as const),
      );
      kernels.crossEntropy(
        ...([at, ids + from * 4, weights + from * 4, losses + (i * nPair + from) * 4] as const),
        ...([nPair, m] as const),
      );
    }
  };
  /** Slopes of the unit vectors of one side, from both matrices of scores. */
  const scoreSlopes: Phase = ({ kernels, scratch, ...thread }) => {
    const [from, to] = partOf(thread, nPair, TILE_ROWS);
    const m = to - from;
    for (const [rows, columns, own, other] of [
      [ours, theirs, scores, turned] as const,
      [theirs, ours, turned, scores] as const,
    ]) {
      const out = rows.dUnit + from * n * 4;
      kernels.gemm(
        ...([m, n, nPair, own + from * nPair * 4, nPair, 1, columns.unit, n, 1] as const),
        ...([out, n, 0, scratch] as const),
      );
      kernels.gemm(
        ...([m, n, nPair, other + from * 4, 1, nPair, columns.unit, n, 1] as const),
        ...([out, n, 1, scratch] as const),
      );
    }
  };
  const unitSlopes: Phase = (thread) => {
    const [from, to] = partOf(thread, nPair);
    const at = from * n * 4;
    for (const { grad, dUnit, unit: y, inverse, scale } of [ours, theirs])
      if (grad !== null)
        thread.kernels.unitRowsBack(
          ...([dUnit + at, y + at, inverse + from * 4, grad + at] as const),
          ...([n, to - from, scale()] as const),
        );
  };
  const scaled = { ...ours, nValue: nPair * n };
  const temperatureSlopes =
    typeof temperature === 'number' ? [] : [scaleSlopes(temperature, scaled)];
  return {
    losses: [unit, score],
    slopes: [unit, score, scoreSlopes, ...temperatureSlopes, unitSlopes],
  };
}

function floatsOf({ logScale, views }: LearnedTemperature): Float32Array {
  return new Float32Array(views().words.buffer, logScale.data, 1);
}

/** By the logarithm of a factor of vectors, the slopes are what these are times their own. */
function scaleSlopes(
  { logScale, views }: LearnedTemperature,
  rows: { readonly unit: number; readonly dUnit: number; readonly nValue: number },
): Phase {
  return ({ index }) => {
    // One thread, so that the sum is the same for any number of them.
    if (index !== 0) return;
    const floats = new Float32Array(views().words.buffer);
    const [y, dy] = [rows.unit / 4, rows.dUnit / 4];
    let sum = 0;
    for (let i = 0; i < rows.nValue; i++) sum += floats[y + i]! * floats[dy + i]!;
    floats[logScale.grad! / 4]! += sum;
  };
}
