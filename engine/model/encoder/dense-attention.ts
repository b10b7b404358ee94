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
      this.#attendAll(rows, n);
      return;
    }
    const reach = window === 0 ? n : window;
    for (let t = 0; t < n; t++) {
      const end = isCausal ? t + 1 : Math.min(n, t + reach + 1);
      this.#attendRow(rows, t, Math.max(0, t - reach), end);
    }
  }

  /** All queries over all keys. */
  #attendAll(rows: AttentionRows, n: number): void {
    const { nHead, nKvHead, headDim } = this.#shape;
    const group = nHead / nKvHead;
    const strides = { q: this.#qStride, kv: this.#kvStride };
    // Heads that have keys of their own go together.
    const together = group === 1 ? nHead : 1;
    for (let head = 0; head < nHead; head += together) {
      const [q, kv] = [head * headDim, Math.floor(head / group) * headDim];
      this.#run(rows, [q, kv], strides, [n, n], together);
    }
  }

  /** The queries of row `t` over keys [from, to): heads that share keys are as many queries. */
  #attendRow(rows: AttentionRows, t: number, from: number, to: number): void {
    const { nHead, nKvHead, headDim } = this.#shape;
    const group = nHead / nKvHead;
    const strides = { q: headDim, kv: this.#kvStride };
    for (let head = 0; head < nKvHead; head++) {
      const q = t * this.#qStride + head * group * headDim;
      const kv = from * this.#kvStride + head * headDim;
      this.#run(rows, [q, kv], strides, [group, to - from], 1);
    }
  }

  #run(
    { queries, keys, values, attended, scratch }: AttentionRows,
    [q, kv]: readonly [q: number, kv: number],
    strides: { readonly q: number; readonly kv: number },
    [nQuery, nKey]: readonly [number, number],
    nHead: number,
  ): void {
    this.#kernels.attendDense(
      queries + q * 4,
      strides.q,
      keys + kv * 4,
      values + kv * 4,
      strides.kv,
      attended + q * 4,
      strides.q,
      scratch,
      nQuery,
      nKey,
      nHead,
      this.#shape.headDim,
      this.#scale,
    );
  }
}
