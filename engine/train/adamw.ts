/** The update of all weights after a step, in phases: the length of their slopes, then AdamW with clipped slopes. */
import type { Arena } from './arena.ts';
import { partOf, type Phase } from './phase.ts';
import { nValue, type Tensor } from './tensor.ts';

/** What changes from step to step; the main thread writes it, all read it. */
export const RATE = 0;
/** 1 / (1 - beta^step), which take out the means' start at zero. */
export const MEAN_SCALE = 1;
export const SQUARE_SCALE = 2;
/** 1 / what the losses' weights sum to. */
export const LOSS_SCALE = 3;
/** Length of all slopes together, before clipping; written by the threads. */
export const NORM = 4;
export const N_SCALAR = 8;

export interface AdamwOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Of matrices; norms do not decay. */
  readonly weightDecay: number;
  /** Slopes longer than this are made as long; Infinity for no bound. */
  readonly maxNorm: number;
}

export interface Moments {
  readonly mean: number;
  readonly square: number;
}

export interface Update {
  readonly phases: readonly Phase[];
  /** The running means of each weight. */
  readonly moments: ReadonlyMap<Tensor, Moments>;
}

/** Values whose squares one sum adds: the sums are the same for any number of threads. */
const BLOCK_VALUES = 16_384;

/** @param scalars address of N_SCALAR values of 8 bytes */
export function planUpdate(
  arena: Arena,
  weights: readonly Tensor[],
  scalars: number,
  memory: () => Float64Array,
  options: AdamwOptions,
): Update {
  const moments = new Map(
    weights.map((weight) => {
      const n = nValue(weight);
      return [weight, { mean: arena.values(n), square: arena.values(n) }] as const;
    }),
  );
  const blocks = weights.flatMap((weight) => blocksOf(weight));
  const sums = arena.bytes(blocks.length * 8);
  const measure: Phase = (thread) => {
    const [from, to] = partOf(thread, blocks.length);
    const values = memory();
    for (let i = from; i < to; i++)
      values[sums / 8 + i] = thread.kernels.sumSquares(blocks[i]!.grad, blocks[i]!.n);
  };
  const apply: Phase = (thread) => {
    const values = memory();
    let sum = 0;
    for (let i = 0; i < blocks.length; i++) sum += values[sums / 8 + i]!;
    const scale = values[scalars / 8 + LOSS_SCALE]!;
    const norm = Math.sqrt(sum) * scale;
    if (thread.index === 0) values[scalars / 8 + NORM] = norm;
    // Weights stay as they are.
    if (!Number.isFinite(norm)) return;
    const clipped = norm > options.maxNorm ? (scale * options.maxNorm) / norm : scale;
    const at = (i: number): number => values[scalars / 8 + i]!;
    for (const [weight, { mean, square }] of moments) {
      const [from, to] = partOf(thread, nValue(weight), 4);
      const decay = weight.nRow > 1 ? options.weightDecay : 0;
      thread.kernels.adamw(
        ...([weight.data + from * 4, weight.grad! + from * 4, mean + from * 4] as const),
        ...([square + from * 4, to - from, at(RATE), options.beta1, options.beta2] as const),
        ...([options.eps, decay, at(MEAN_SCALE), at(SQUARE_SCALE), clipped] as const),
      );
    }
  };
  return { phases: [measure, apply], moments };
}

function blocksOf(weight: Tensor): { readonly grad: number; readonly n: number }[] {
  const n = nValue(weight);
  return Array.from({ length: Math.ceil(n / BLOCK_VALUES) }, (_, i) => ({
    grad: weight.grad! + i * BLOCK_VALUES * 4,
    n: Math.min(BLOCK_VALUES, n - i * BLOCK_VALUES),
  }));
}

/** Slopes begin at zero. */
export function clearSlopes(weights: readonly Tensor[]): Phase {
  return (thread) => {
    for (const weight of weights) {
      const [from, to] = partOf(thread, nValue(weight), 4);
      thread.kernels.clear(weight.grad! + from * 4, to - from);
    }
  };
}
