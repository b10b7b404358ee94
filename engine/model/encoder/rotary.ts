/** Rotary positions of texts: angles of every position, filled once; a second table for layers with a window. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { fillRopeTable, ropeFrequencies } from '../../ops/rope.ts';
import { rowStride } from '../memory/layout.ts';
import type { WholeShape } from './shape.ts';

/** Values of one table. */
function tableLength({ nCtx }: EncoderConfig, headDim: number): number {
  return nCtx * headDim;
}

/** Bytes that `EncoderRotary` needs; 0 for encoders whose positions are learned. */
export function rotaryBytes(config: EncoderConfig, headDim: number): number {
  if (config.ropeTheta === undefined) return 0;
  return 4 * tableLength(config, headDim) * (config.localRopeTheta === undefined ? 1 : 2);
}

export class EncoderRotary {
  readonly #kernels: KernelExports;
  readonly #shape: WholeShape;
  readonly #qStride: number;
  readonly #kvStride: number;
  /** The table of layers that see all, and of those with a window. */
  readonly #table: number;
  readonly #localTable: number;

  /** @param address room for rotaryBytes */
  constructor(
    kernels: KernelExports,
    memory: WebAssembly.Memory,
    shape: WholeShape,
    config: EncoderConfig,
    address: number,
  ) {
    const { headDim } = shape;
    const { ropeTheta = 0, localRopeTheta, nCtx } = config;
    const length = tableLength(config, headDim);
    const fill = (at: number, theta: number): number => {
      const values = new Float32Array(memory.buffer, at, length);
      fillRopeTable(values, ropeFrequencies(headDim, theta, { kind: 'none' }), 0, nCtx);
      return at;
    };
    this.#kernels = kernels;
    this.#shape = shape;
    this.#qStride = rowStride(shape.qWidth);
    this.#kvStride = rowStride(shape.kvWidth);
    this.#table = fill(address, ropeTheta);
    this.#localTable =
      localRopeTheta === undefined ? this.#table : fill(address + length * 4, localRopeTheta);
  }

  /** Rotates the queries and keys of a text's `n` rows. */
  run(layer: number, queries: number, keys: number, n: number): void {
    const { nHead, nKvHead, headDim, windows } = this.#shape;
    const table = (windows[layer] ?? 0) > 0 ? this.#localTable : this.#table;
    this.#kernels.ropeHalf(queries, table, nHead, headDim, headDim, n, this.#qStride);
    this.#kernels.ropeHalf(keys, table, nKvHead, headDim, headDim, n, this.#kvStride);
  }
}
