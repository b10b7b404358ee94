/**
 * A vision tower in the kernels' memory: the patches of a square as rows (arXiv 2010.11929), the layers that every
 * encoder of ours has, and the connector that makes rows of a text model's width.
 */
import type { Steps } from '../../base/turns.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { patchValues, towerPatches, towerRows } from '../../manifest/tower-config.ts';
import type { TowerConfig } from '../../manifest/tower-config.ts';
import { Ops } from '../../ops/ops.ts';
import { EncoderLayers, slices } from '../encoder/layers.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { Connector } from './connector.ts';
import type { TowerPlan } from './plan.ts';

const COLOURS = 3;
/** Values that kernels read of a row of f32 at once. */
const ROW_STEP = 8;

export class TowerEncoder {
  readonly config: TowerConfig;
  readonly #plan: TowerPlan;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #layers: EncoderLayers;
  readonly #connector: Connector;
  readonly #patches: Linear;
  /** Address of the learned rows of the positions. */
  readonly #positions: number;
  /** Address of the row before the patches, or 0. */
  readonly #first: number;
  readonly #inputNorm: NormRef | null;
  readonly #outputNorm: NormRef | null;
  readonly #stride: number;

  constructor(
    config: TowerConfig,
    plan: TowerPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.#plan = plan;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#ops = new Ops(kernels);
    const { regions: r } = plan;
    const regions = {
      hidden: r.hidden.address,
      queries: r.queries.address,
      keys: r.keys.address,
      values: r.values.address,
      attended: r.attended.address,
      scratch: r.scratch.address,
      slice: r.slice.address,
      slicePanels: r.slicePanels.address,
      wide: r.wide.address,
      widePanels: r.widePanels.address,
    };
    const { nLayer, nEmbd, nHead, nFf, normEps, ffn } = config;
    const shape = { nLayer, nEmbd, nHead, nFf, normEps, ffn, normed: 'before' } as const;
    this.#layers = new EncoderLayers(this.#ops, shape, regions, weights, 'layers.');
    this.#connector = new Connector(config, plan, weights, this.#ops, memory);
    // bindWeights has checked that what a family requires is present.
    this.#patches = linearOf(weights, 'patch');
    this.#positions = weights.get('positions')!.address;
    this.#first = weights.get('firstRow')?.address ?? 0;
    this.#inputNorm = normRef(weights, 'inputNorm');
    this.#outputNorm = normRef(weights, 'outputNorm');
    this.#stride = rowStride(nEmbd);
  }

  /**
   * What a text model reads of a square; yields after each layer, and between parts of one.
   * @param rgb [side, side, 3] @returns [towerRows, connector.nOut]
   */
  *show(rgb: Uint8Array): Steps<Float32Array> {
    yield* this.#run(rgb);
    return yield* this.#connector.run(this.#nFirst, towerRows(this.config));
  }

  /** The rows of the tower's last layer. @param rgb [side, side, 3] @returns [rows, nEmbd] */
  *look(rgb: Uint8Array): Steps<Float32Array> {
    const T = yield* this.#run(rgb);
    const { nEmbd } = this.config;
    const { address } = this.#plan.regions.hidden;
    const rows = new Float32Array(this.#memory.buffer, address, T * this.#stride);
    const out = new Float32Array(T * nEmbd);
    for (let t = 0; t < T; t++)
      out.set(rows.subarray(t * this.#stride, t * this.#stride + nEmbd), t * nEmbd);
    return out;
  }

  /** Rows before the patches. */
  get #nFirst(): number {
    return this.#first === 0 ? 0 : 1;
  }

  /** Leaves the last layer's rows in `hidden`. @returns how many */
  *#run(rgb: Uint8Array): Steps<number> {
    const T = towerPatches(this.config) + this.#nFirst;
    this.#embed(rgb, T);
    this.#norm(this.#inputNorm, T);
    yield;
    yield* this.#layers.run([{ from: 0, n: T }], T);
    this.#norm(this.#outputNorm, T);
    return T;
  }

  #embed(rgb: Uint8Array, T: number): void {
    const { hidden, read, readPanels } = this.#plan.regions;
    const width = patchValues(this.config);
    const x = { address: read.address, panels: readPanels.address, stride: rowStride(width) };
    const { weight, bias } = this.#patches;
    for (const { from, n } of slices(towerPatches(this.config))) {
      this.#gather(rgb, new Float32Array(this.#memory.buffer, x.address, n * x.stride), from, n);
      const to = hidden.address + (from + this.#nFirst) * this.#stride * 4;
      this.#ops.quantize(x, n, weight);
      this.#ops.matmul(weight, x, n, to, this.#stride);
      if (bias !== 0) this.#kernels.addBias(to, bias, weight.nRow, n, this.#stride);
    }
    if (this.#first !== 0) {
      const { nEmbd } = this.config;
      const first = new Float32Array(this.#memory.buffer, this.#first, nEmbd);
      new Float32Array(this.#memory.buffer, hidden.address, nEmbd).set(first);
    }
    this.#addPositions(T);
  }

  #addPositions(T: number): void {
    const { nEmbd } = this.config;
    const { address } = this.#plan.regions.hidden;
    const rowBytes = Math.ceil(nEmbd / ROW_STEP) * ROW_STEP * 4;
    for (let t = 0; t < T; t++) {
      const to = address + t * this.#stride * 4;
      this.#kernels.addScaled(to, this.#positions + t * rowBytes, 1, nEmbd);
    }
  }

  /** Rows of patches `first` and after, [colours, patch, patch] as the convolution's weights have them. */
  #gather(rgb: Uint8Array, rows: Float32Array, first: number, n: number): void {
    const { side, patch, mean, deviation } = this.config;
    const stride = rows.length / n;
    const nSide = side / patch;
    rows.fill(0);
    for (let i = 0; i < n; i++) {
      const top = Math.floor((first + i) / nSide) * patch;
      const left = ((first + i) % nSide) * patch;
      let to = i * stride;
      for (let c = 0; c < COLOURS; c++)
        for (let y = 0; y < patch; y++)
          for (let x = 0; x < patch; x++) {
            const value = rgb[((top + y) * side + left + x) * COLOURS + c]!;
            rows[to++] = (value - mean[c]!) / deviation[c]!;
          }
    }
  }

  #norm(norm: NormRef | null, T: number): void {
    if (norm === null) return;
    const { address } = this.#plan.regions.hidden;
    const { weight, bias, n } = norm;
    const { normEps } = this.config;
    this.#kernels.layerNormRows(address, weight, bias, address, n, T, this.#stride, normEps);
  }
}
