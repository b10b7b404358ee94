/** Rotary angles of a pass: one table for all layers, a second one for layers with a window. */
import { fillRopeTable, ropeFrequencies } from '../../ops/rope.ts';
import { rowStride } from '../memory/layout.ts';
import { CHUNK_TOKENS } from './plan.ts';
import type { Workspace } from './workspace.ts';

type Frequencies = ReturnType<typeof ropeFrequencies>;

interface Table {
  readonly frequencies: Frequencies;
  readonly address: number;
  readonly values: Float32Array;
}

export class RotaryTables {
  readonly #space: Workspace;
  readonly #tables: readonly Table[];
  /** The table of each layer. */
  readonly #ofLayer: readonly Table[];

  constructor(space: Workspace) {
    const { config: c, plan } = space;
    this.#space = space;
    const table = (frequencies: Frequencies, index: number): Table => {
      const length = CHUNK_TOKENS * c.ropeDim;
      const address = space.at('ropeTable') + index * length * 4;
      return {
        frequencies,
        address,
        values: new Float32Array(space.memory.buffer, address, length),
      };
    };
    const whole = ropeFrequencies(c.ropeDim, c.ropeTheta, c.ropeScaling, plan.nCtx);
    const main = table(whole, 0);
    const local =
      c.localRopeTheta === undefined
        ? main
        : table(ropeFrequencies(c.ropeDim, c.localRopeTheta, { kind: 'none' }, plan.nCtx), 1);
    this.#tables = local === main ? [main] : [main, local];
    this.#ofLayer = Array.from({ length: c.nLayer }, (_, layer) =>
      (c.windows?.[layer] ?? 0) > 0 ? local : main,
    );
  }

  /** Angles of `nTok` tokens from `position` on, for rows `row` and following. */
  fill(row: number, position: number, nTok: number): void {
    const from = row * this.#space.config.ropeDim;
    for (const { values, frequencies } of this.#tables)
      fillRopeTable(values.subarray(from), frequencies, position, nTok);
  }

  /** Rotates T rows of queries and keys as layer `layer` does, if it does. */
  rotate(layer: number, queries: number, keys: number, T: number, qStride: number): void {
    const { config: c, kernels: k } = this.#space;
    if (c.unrotated?.[layer] === true) return;
    const { address } = this.#ofLayer[layer]!;
    const run = c.ropePairing === 'adjacent' ? k.ropeAdjacent : k.ropeHalf;
    run(queries, address, c.nHead, c.headDim, c.ropeDim, T, qStride);
    run(keys, address, c.nKvHead, c.headDim, c.ropeDim, T, rowStride(c.nKvHead * c.headDim));
  }
}
