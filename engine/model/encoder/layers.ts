/**
 * Layers that attend both ways, norms before or after each half: shared by encoders of text and
 * of sound. Products go over slices of rows, so that only the rows themselves grow with their number.
 */
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { Ops, Rows } from '../../ops/ops.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';

/** Rows that go through a product together. */
export const SLICE_ROWS = 64;

/** `n` rows from `from` on that attend to each other and to nothing else. */
export interface Span {
  readonly from: number;
  readonly n: number;
}

/**
 * Keys and values kept elsewhere than in rows, for many rows that all see each other: they are written
 * a slice at a time, and queries attend a slice at a time.
 */
export interface KeptKeys {
  write(from: number, n: number, keys: number, values: number, stride: number): void;
  /** out = softmax(q k) v of n rows of queries. */
  attend(queries: number, out: number, n: number, stride: number): void;
}

/**
 * Addresses of what layers work in; `T` is the largest number of rows. With KeptKeys queries, keys,
 * values and attended have SLICE_ROWS rows, and nothing is read from scratch.
 */
export interface EncoderRegions {
  /** [T, rowStride(nEmbd)] f32: the residual stream, and rows derived from it. */
  readonly hidden: number;
  readonly queries: number;
  readonly keys: number;
  readonly values: number;
  readonly attended: number;
  /** denseScratchBytes(T, nEmbd / nHead). */
  readonly scratch: number;
  /** [SLICE_ROWS, rowStride(nEmbd)] f32 and its panels. */
  readonly slice: number;
  readonly slicePanels: number;
  /** [SLICE_ROWS, rowStride(nFf)] f32 and its panels. */
  readonly wide: number;
  readonly widePanels: number;
}

export interface EncoderShape {
  readonly nLayer: number;
  readonly nEmbd: number;
  readonly nHead: number;
  readonly nFf: number;
  readonly normEps: number;
  /** Where the norm of a half is: before it, or after its sum. */
  readonly normed: 'before' | 'after';
}

interface LayerRefs {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly attnNorm: NormRef;
  readonly up: Linear;
  readonly down: Linear;
  readonly ffnNorm: NormRef;
}

export class EncoderLayers {
  readonly #ops: Ops;
  readonly #kernels: KernelExports;
  readonly #shape: EncoderShape;
  readonly #regions: EncoderRegions;
  readonly #layers: readonly LayerRefs[];
  readonly #stride: number;
  readonly #slice: Rows;
  readonly #wide: Rows;
  readonly #kept: KeptKeys | null;

  /**
   * @param prefix before `<layer>.` in the names of weights
   * @param kept where keys and values go; null keeps them as rows
   */
  constructor(
    ops: Ops,
    shape: EncoderShape,
    regions: EncoderRegions,
    weights: WeightMap,
    prefix: string,
    kept: KeptKeys | null = null,
  ) {
    this.#kept = kept;
    this.#ops = ops;
    this.#kernels = ops.kernels;
    this.#shape = shape;
    this.#regions = regions;
    this.#stride = rowStride(shape.nEmbd);
    this.#slice = { address: regions.slice, panels: regions.slicePanels, stride: this.#stride };
    this.#wide = {
      address: regions.wide,
      panels: regions.widePanels,
      stride: rowStride(shape.nFf),
    };
    this.#layers = Array.from({ length: shape.nLayer }, (_, i) => layerRefs(weights, prefix, i));
  }

  /** Runs all layers over `T` rows of `hidden`; yields after each, so that its host gets a turn. */
  *run(spans: readonly Span[], T: number): Generator<void, void, void> {
    for (const layer of this.#layers) {
      if (this.#kept === null) this.#attend(layer, spans, T);
      else this.#attendKept(layer, this.#kept, T);
      this.#feedForward(layer, T);
      yield;
    }
  }

  #attend(w: LayerRefs, spans: readonly Span[], T: number): void {
    const { queries, keys, values, attended, scratch } = this.#regions;
    const { nHead, nEmbd } = this.#shape;
    const stride = this.#stride;
    for (const { from, n } of slices(T)) {
      const x = this.#enterHalf(w.attnNorm, from, n);
      const at = from * stride * 4;
      this.#ops.quantize(x, n, w.q.weight, w.k.weight, w.v.weight);
      this.#project(w.q, x, n, queries + at, stride);
      this.#project(w.k, x, n, keys + at, stride);
      this.#project(w.v, x, n, values + at, stride);
    }
    const headDim = nEmbd / nHead;
    for (const { from, n } of spans) {
      const at = from * stride * 4;
      const [q, k, v, out] = [queries + at, keys + at, values + at, attended + at];
      this.#kernels.attendDense(
        q,
        stride,
        k,
        v,
        stride,
        out,
        stride,
        scratch,
        n,
        n,
        nHead,
        headDim,
        headDim ** -0.5,
      );
    }
    for (const { from, n } of slices(T)) {
      const address = attended + from * stride * 4;
      const x = { address, panels: this.#regions.slicePanels, stride };
      this.#leaveHalf(w.o, x, w.attnNorm, from, n);
    }
  }

  /** As #attend over one span, through keys and values that are kept elsewhere. */
  #attendKept(w: LayerRefs, kept: KeptKeys, T: number): void {
    const { queries, keys, values, attended, slicePanels } = this.#regions;
    const stride = this.#stride;
    for (const { from, n } of slices(T)) {
      const x = this.#enterHalf(w.attnNorm, from, n);
      this.#ops.quantize(x, n, w.k.weight, w.v.weight);
      this.#project(w.k, x, n, keys, stride);
      this.#project(w.v, x, n, values, stride);
      kept.write(from, n, keys, values, stride);
    }
    for (const { from, n } of slices(T)) {
      const x = this.#enterHalf(w.attnNorm, from, n);
      this.#ops.quantize(x, n, w.q.weight);
      this.#project(w.q, x, n, queries, stride);
      kept.attend(queries, attended, n, stride);
      this.#leaveHalf(w.o, { address: attended, panels: slicePanels, stride }, w.attnNorm, from, n);
    }
  }

  #feedForward(w: LayerRefs, T: number): void {
    const wide = this.#wide;
    for (const { from, n } of slices(T)) {
      const x = this.#enterHalf(w.ffnNorm, from, n);
      this.#ops.quantize(x, n, w.up.weight);
      this.#project(w.up, x, n, wide.address, wide.stride);
      this.#kernels.geluErfRow(wide.address, wide.address, n * wide.stride);
      this.#leaveHalf(w.down, wide, w.ffnNorm, from, n);
    }
  }

  /** The input of a half: norm(hidden), or hidden itself. */
  #enterHalf(norm: NormRef, from: number, n: number): Rows {
    const address = this.#regions.hidden + from * this.#stride * 4;
    if (this.#shape.normed === 'after') return { ...this.#slice, address };
    this.#norm(norm, address, this.#slice.address, n);
    return this.#slice;
  }

  /** hidden += W x + b, then its norm where that comes after. */
  #leaveHalf({ weight, bias }: Linear, x: Rows, norm: NormRef, from: number, n: number): void {
    const to = this.#regions.hidden + from * this.#stride * 4;
    this.#ops.quantize(x, n, weight);
    this.#ops.matmul(weight, x, n, to, this.#stride, true);
    if (bias !== 0) this.#kernels.addBias(to, bias, weight.nRow, n, this.#stride);
    if (this.#shape.normed === 'after') this.#norm(norm, to, to, n);
  }

  #project({ weight, bias }: Linear, x: Rows, n: number, y: number, stride: number): void {
    this.#ops.matmul(weight, x, n, y, stride);
    if (bias !== 0) this.#kernels.addBias(y, bias, weight.nRow, n, stride);
  }

  #norm({ weight, bias, n }: NormRef, x: number, out: number, nRow: number): void {
    this.#kernels.layerNormRows(x, weight, bias, out, n, nRow, this.#stride, this.#shape.normEps);
  }
}

/** Rows 0 to T in slices of at most SLICE_ROWS. */
export function slices(T: number): Span[] {
  return Array.from({ length: Math.ceil(T / SLICE_ROWS) }, (_, i) => ({
    from: i * SLICE_ROWS,
    n: Math.min(SLICE_ROWS, T - i * SLICE_ROWS),
  }));
}

function layerRefs(weights: WeightMap, prefix: string, i: number): LayerRefs {
  const linear = (name: string) => linearOf(weights, `${prefix}${i}.${name}`);
  // bindWeights has checked that required weights are present.
  const norm = (name: string) => normRef(weights, `${prefix}${i}.${name}`)!;
  return {
    q: linear('q'),
    k: linear('k'),
    v: linear('v'),
    o: linear('o'),
    attnNorm: norm('attnNorm'),
    up: linear('up'),
    down: linear('down'),
    ffnNorm: norm('ffnNorm'),
  };
}
