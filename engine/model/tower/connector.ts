/**
 * From a tower's rows to those that a text model reads: patches of a square of `factor` a side are put one after the other
 * (pixel shuffle), then one product, or two with GELU between them.
 */
import type { Steps } from '../../base/turns.ts';
import type { TowerConfig } from '../../manifest/tower-config.ts';
import type { Ops, Rows } from '../../ops/ops.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { CONNECTOR_ROWS, mergedValues } from './plan.ts';
import type { TowerPlan } from './plan.ts';

export class Connector {
  readonly #config: TowerConfig;
  readonly #plan: TowerPlan;
  readonly #ops: Ops;
  readonly #memory: WebAssembly.Memory;
  /** The product before GELU; null for a connector of one product. */
  readonly #into: Linear | null;
  readonly #last: Linear;

  constructor(
    config: TowerConfig,
    plan: TowerPlan,
    weights: WeightMap,
    ops: Ops,
    memory: WebAssembly.Memory,
  ) {
    this.#config = config;
    this.#plan = plan;
    this.#ops = ops;
    this.#memory = memory;
    const isOne = config.connector.nHidden === undefined;
    this.#into = isOne ? null : linearOf(weights, 'connectIn');
    this.#last = linearOf(weights, isOne ? 'connect' : 'connectOut');
  }

  /** @param nFirst rows of `hidden` before the patches @returns [nRow, nOut] */
  *run(nFirst: number, nRow: number): Steps<Float32Array> {
    const { nOut } = this.#config.connector;
    const made = new Float32Array(nRow * nOut);
    const { regions: r } = this.#plan;
    const read = rowsAt(r.read.address, r.readPanels.address, mergedValues(this.#config));
    const stride = rowStride(nOut);
    for (let from = 0; from < nRow; from += CONNECTOR_ROWS) {
      const n = Math.min(CONNECTOR_ROWS, nRow - from);
      yield;
      this.#gather(read, nFirst, from, n);
      this.#multiply(this.#last, this.#enter(read, n), n, r.out.address, stride);
      const rows = new Float32Array(this.#memory.buffer, r.out.address, n * stride);
      for (let i = 0; i < n; i++)
        made.set(rows.subarray(i * stride, i * stride + nOut), (from + i) * nOut);
    }
    return made;
  }

  /** What the last product reads. */
  #enter(read: Rows, n: number): Rows {
    if (this.#into === null) return read;
    const { inside, insidePanels } = this.#plan.regions;
    const rows = rowsAt(inside.address, insidePanels.address, this.#into.weight.nRow);
    this.#multiply(this.#into, read, n, rows.address, rows.stride);
    this.#ops.kernels.geluErfRow(rows.address, rows.address, n * rows.stride);
    return rows;
  }

  #multiply({ weight, bias }: Linear, x: Rows, n: number, y: number, stride: number): void {
    this.#ops.quantize(x, n, weight);
    this.#ops.matmul(weight, x, n, y, stride);
    if (bias !== 0) this.#ops.kernels.addBias(y, bias, weight.nRow, n, stride);
  }

  /** Rows `first` and after of what goes in. */
  #gather(to: Rows, nFirst: number, first: number, n: number): void {
    const { side, patch, nEmbd, connector } = this.#config;
    const { factor, keepsFirst } = connector;
    const { hidden } = this.#plan.regions;
    const stride = rowStride(nEmbd);
    const floats = new Float32Array(this.#memory.buffer);
    const [from, into] = [hidden.address / 4, to.address / 4];
    floats.fill(0, into, into + n * to.stride);
    const nSide = side / patch;
    const nWide = nSide / factor;
    const before = keepsFirst ? 0 : nFirst;
    for (let i = 0; i < n; i++) {
      const [top, left] = [
        Math.floor((first + i) / nWide) * factor,
        ((first + i) % nWide) * factor,
      ];
      for (let y = 0; y < factor; y++)
        for (let x = 0; x < factor; x++) {
          // With a factor of one rows follow each other, whatever stands before the patches.
          const row = factor === 1 ? first + i : (top + y) * nSide + left + x;
          const at = from + (before + row) * stride;
          floats.copyWithin(into + i * to.stride + (y * factor + x) * nEmbd, at, at + nEmbd);
        }
    }
  }
}

function rowsAt(address: number, panels: number, width: number): Rows {
  return { address, panels, stride: rowStride(width) };
}
