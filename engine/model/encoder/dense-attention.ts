/**
 * Attention of the rows of a text over each other: all of them, those before, or those within a window. Where all
 * see all, one call of the kernel does it; where a row has a range of its own, a call a row.
 */
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { rowStride } from '../memory/layout.ts';
import type { WholeShape } from './shape.ts';

/** Addresses of the first row of a text. */
export interface AttentionRows {
  readonly queries: number;
  readonly keys: number;
  readonly values: number;
  readonly attended: number;
  readonly scratch: number;
}

export class DenseAttention {
  readonly #kernels: KernelExports;
  readonly #shape: WholeShape;
  readonly #qStride: number;
  readonly #kvStride: number;
  readonly #scale: number;

  constructor(kernels: KernelExports, shape: WholeShape) {
    this.#kernels = kernels;
    this.#shape = shape;
    this.#qStride = rowStride(shape.qWidth);
    this.#kvStride = rowStride(shape.kvWidth);
    this.#scale = shape.headDim ** -0.5;
  }

  /** attended = softmax(q k) v of `n` rows as layer `layer` has it. */
  run(layer: number, rows: AttentionRows, n: number): void {
    const window = this.#shape.windows[layer] ?? 0;
    const isCausal = this.#shape.sight === 'before';
    if (!isCausal && (window === 0 || window >= n - 1)) {
      this.#attend(rows, 0, n, 0, n);
      return;
    }
    const reach = window === 0 ? n : window;
    for (let t = 0; t < n; t++) {
      const end = isCausal ? t + 1 : Math.min(n, t + reach + 1);
      this.#attend(rows, t, 1, Math.max(0, t - reach), end);
    }
  }

  /** Queries [first, first + n) over keys [from, to). */
  #attend(rows: AttentionRows, first: number, n: number, from: number, to: number): void {
    const { nHead, nKvHead } = this.#shape;
    // Heads that have keys of their own go together.
    const together = nHead === nKvHead ? nHead : 1;
    for (let head = 0; head < nHead; head += together)
      this.#attendHeads(rows, head, together, [first, n], [from, to]);
  }

  #attendHeads(
    { queries, keys, values, attended, scratch }: AttentionRows,
    head: number,
    nTogether: number,
    [first, n]: readonly [number, number],
    [from, to]: readonly [number, number],
  ): void {
    const { nHead, nKvHead, headDim } = this.#shape;
    const [qStride, kvStride] = [this.#qStride, this.#kvStride];
    const q = (first * qStride + head * headDim) * 4;
    const kv = (from * kvStride + Math.floor((head * nKvHead) / nHead) * headDim) * 4;
    this.#kernels.attendDense(
      queries + q,
      qStride,
      keys + kv,
      values + kv,
      kvStride,
      attended + q,
      qStride,
      scratch,
      n,
      to - from,
      nTogether,
      headDim,
      this.#scale,
    );
  }
}
