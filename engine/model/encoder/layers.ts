/**
 * Layers of encoders of text and of sound, which attend both ways or as EncoderShape says. Products go over slices of rows, so that only the rows themselves grow with their number.
 */
import type { Steps } from '../../base/turns.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { Ops, Rows } from '../../ops/ops.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { DenseAttention } from './dense-attention.ts';
import type { EncoderRotary } from './rotary.ts';
import { wholeShape } from './shape.ts';
import type { EncoderShape, WholeShape } from './shape.ts';

export type { EncoderShape } from './shape.ts';

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
 * values and attended have SLICE_ROWS rows, and nothing is read from scratch. qWidth and kvWidth are nEmbd
 * unless the shape says otherwise.
 */
export interface EncoderRegions {
  /** [T, rowStride(nEmbd)] f32: the residual stream. */
  readonly hidden: number;
  /** [T, rowStride(qWidth)] f32 */
  readonly queries: number;
  /** [T, rowStride(kvWidth)] f32 */
  readonly keys: number;
  readonly values: number;
  /** [T, rowStride(qWidth)] f32 */
  readonly attended: number;
  /** denseScratchBytes(T, headDim). */
  readonly scratch: number;
  /** [SLICE_ROWS, rowStride(nEmbd)] f32, and panels of as many rows of the larger of nEmbd and qWidth. */
  readonly slice: number;
  readonly slicePanels: number;
  /** [SLICE_ROWS, rowStride(nFf)] f32 and its panels. */
  readonly wide: number;
  readonly widePanels: number;
  /** [SLICE_ROWS, rowStride(nFf)] f32; only of gated networks. */
  readonly gate?: number;
}

interface LayerRefs {
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly attnNorm: NormRef;
  /** Norms of each head's query and key, before they rotate. */
  readonly qNorm: NormRef | null;
  readonly kNorm: NormRef | null;
  /** Norms of what a half adds, before it is added. */
  readonly attnPostNorm: NormRef | null;
  readonly gate: Linear | null;
  readonly up: Linear;
  readonly down: Linear;
  readonly ffnNorm: NormRef;
  readonly ffnPostNorm: NormRef | null;
}

type RunNorm = (norm: NormRef, x: number, out: number, nRow: number, stride: number) => void;
const NORMS: Record<WholeShape['norm'], (k: KernelExports, eps: number) => RunNorm> = {
  layer: (k, eps) => (norm, x, out, nRow, stride) =>
    k.layerNormRows(x, norm.weight, norm.bias, out, norm.n, nRow, stride, eps),
  rms: (k, eps) => (norm, x, out, nRow, stride) =>
    k.rmsNormRows(x, norm.weight, out, norm.n, nRow, stride, eps),
};

const QUICK = 1.702;

/** up = act(up), or act(gate) * up; n values. */
type Activate = (k: KernelExports, gate: number, up: number, n: number) => void;
const ACTIVATIONS: Record<WholeShape['ffn'], Activate> = {
  'gelu-erf': (k, _, up, n) => k.geluErfRow(up, up, n),
  'gelu-tanh': (k, _, up, n) => k.geluRow(up, up, n),
  // x sigmoid(1.702 x)
  'gelu-quick': (k, _, up, n) => {
    k.scaleRow(up, QUICK, n);
    k.siluRow(up, up, n);
    k.scaleRow(up, 1 / QUICK, n);
  },
  'gelu-gated': (k, gate, up, n) => k.geluMul(gate, up, up, n),
  'silu-gated': (k, gate, up, n) => k.siluMul(gate, up, up, n),
};

/** What encoders of some families have beside their layers' weights. */
export interface EncoderParts {
  /** Where keys and values go instead of rows; of shapes without choices of their own. */
  readonly kept?: KeptKeys;
  readonly rotary?: EncoderRotary;
}

export class EncoderLayers {
  readonly #ops: Ops;
  readonly #kernels: KernelExports;
  readonly #shape: WholeShape;
  readonly #regions: EncoderRegions;
  readonly #layers: readonly LayerRefs[];
  readonly #stride: number;
  readonly #qStride: number;
  readonly #kvStride: number;
  readonly #slice: Rows;
  readonly #wide: Rows;
  readonly #kept: KeptKeys | null;
  readonly #rotary: EncoderRotary | null;
  readonly #attention: DenseAttention;
  readonly #runNorm: RunNorm;

  /** @param prefix before `<layer>.` in the names of weights */
  constructor(
    ops: Ops,
    shape: EncoderShape,
    regions: EncoderRegions,
    weights: WeightMap,
    prefix: string,
    { kept, rotary }: EncoderParts = {},
  ) {
    const whole = wholeShape(shape);
    this.#kept = kept ?? null;
    this.#rotary = rotary ?? null;
    this.#ops = ops;
    this.#kernels = ops.kernels;
    this.#shape = whole;
    this.#regions = regions;
    this.#stride = rowStride(shape.nEmbd);
    this.#qStride = rowStride(whole.qWidth);
    this.#kvStride = rowStride(whole.kvWidth);
    this.#slice = { address: regions.slice, panels: regions.slicePanels, stride: this.#stride };
    this.#wide = {
      address: regions.wide,
      panels: regions.widePanels,
      stride: rowStride(shape.nFf),
    };
    this.#attention = new DenseAttention(ops.kernels, whole);
    this.#runNorm = NORMS[whole.norm](ops.kernels, shape.normEps);
    this.#layers = Array.from({ length: shape.nLayer }, (_, i) => layerRefs(weights, prefix, i));
  }

  /**
   * Runs all layers over `T` rows of `hidden`; yields after each, and after every ROWS_A_STEP rows of a part of
   * one, so that its host gets a turn.
   */
  *run(spans: readonly Span[], T: number): Steps<void> {
    for (const [i, layer] of this.#layers.entries()) {
      if (this.#kept === null) yield* this.#attend(layer, i, spans, T);
      else yield* this.#attendKept(layer, this.#kept, T);
      yield* this.#feedForward(layer, T);
      yield;
    }
  }

  *#attend(w: LayerRefs, layer: number, spans: readonly Span[], T: number): Steps<void> {
    const { attended } = this.#regions;
    for (const { from, n } of slices(T)) {
      if (isNextStep(from)) yield;
      this.#projectSlice(w, from, n);
    }
    for (const { from, n } of spans) {
      if (isNextStep(from)) yield;
      const rows = this.#rowsOf(from);
      this.#rotary?.run(layer, rows.queries, rows.keys, n);
      this.#attention.run(layer, rows, n);
    }
    for (const { from, n } of slices(T)) {
      if (isNextStep(from)) yield;
      const address = attended + from * this.#qStride * 4;
      const x = { address, panels: this.#regions.slicePanels, stride: this.#qStride };
      this.#leaveHalf(w.o, x, w.attnNorm, w.attnPostNorm, from, n);
    }
  }

  /** Queries, keys and values of n rows, with the norms of their heads. */
  #projectSlice(w: LayerRefs, from: number, n: number): void {
    const { qWidth, kvWidth } = this.#shape;
    const { queries, keys, values } = this.#rowsOf(from);
    const x = this.#enterHalf(w.attnNorm, from, n);
    this.#ops.quantize(x, n, w.q.weight, w.k.weight, w.v.weight);
    this.#project(w.q, x, n, queries, this.#qStride);
    this.#project(w.k, x, n, keys, this.#kvStride);
    this.#project(w.v, x, n, values, this.#kvStride);
    this.#normHeads(w.qNorm, queries, qWidth, n, this.#qStride);
    this.#normHeads(w.kNorm, keys, kvWidth, n, this.#kvStride);
  }

  /** Where row `from` of each region stands. */
  #rowsOf(from: number) {
    const { queries, keys, values, attended, scratch } = this.#regions;
    const [q, kv] = [from * this.#qStride * 4, from * this.#kvStride * 4];
    return {
      queries: queries + q,
      keys: keys + kv,
      values: values + kv,
      attended: attended + q,
      scratch,
    };
  }

  #normHeads(norm: NormRef | null, x: number, width: number, n: number, stride: number): void {
    if (norm === null) return;
    for (let t = 0; t < n; t++) {
      const row = x + t * stride * 4;
      this.#runNorm(norm, row, row, width / norm.n, norm.n);
    }
  }

  /** As #attend over one span, through keys and values that are kept elsewhere. */
  *#attendKept(w: LayerRefs, kept: KeptKeys, T: number): Steps<void> {
    const { queries, keys, values, attended, slicePanels } = this.#regions;
    const stride = this.#stride;
    for (const { from, n } of slices(T)) {
      if (isNextStep(from)) yield;
      const x = this.#enterHalf(w.attnNorm, from, n);
      this.#ops.quantize(x, n, w.k.weight, w.v.weight);
      this.#project(w.k, x, n, keys, stride);
      this.#project(w.v, x, n, values, stride);
      kept.write(from, n, keys, values, stride);
    }
    for (const { from, n } of slices(T)) {
      if (isNextStep(from)) yield;
      const x = this.#enterHalf(w.attnNorm, from, n);
      this.#ops.quantize(x, n, w.q.weight);
      this.#project(w.q, x, n, queries, stride);
      kept.attend(queries, attended, n, stride);
      const rows = { address: attended, panels: slicePanels, stride };
      this.#leaveHalf(w.o, rows, w.attnNorm, null, from, n);
    }
  }

  *#feedForward(w: LayerRefs, T: number): Steps<void> {
    const wide = this.#wide;
    const { gate = 0 } = this.#regions;
    const activate = ACTIVATIONS[this.#shape.ffn];
    for (const { from, n } of slices(T)) {
      if (isNextStep(from)) yield;
      const x = this.#enterHalf(w.ffnNorm, from, n);
      this.#ops.quantize(x, n, w.up.weight, w.gate?.weight);
      if (w.gate !== null) this.#project(w.gate, x, n, gate, wide.stride);
      this.#project(w.up, x, n, wide.address, wide.stride);
      activate(this.#kernels, gate, wide.address, n * wide.stride);
      this.#leaveHalf(w.down, wide, w.ffnNorm, w.ffnPostNorm, from, n);
    }
  }

  /** The input of a half: norm(hidden), or hidden itself. */
  #enterHalf(norm: NormRef, from: number, n: number): Rows {
    const address = this.#regions.hidden + from * this.#stride * 4;
    if (this.#shape.normed === 'after') return { ...this.#slice, address };
    this.#runNorm(norm, address, this.#slice.address, n, this.#stride);
    return this.#slice;
  }

  /** hidden += W x + b, or its norm where that comes before the sum; then the norm that comes after it. */
  #leaveHalf(
    { weight, bias }: Linear,
    x: Rows,
    norm: NormRef,
    post: NormRef | null,
    from: number,
    n: number,
  ): void {
    const stride = this.#stride;
    const to = this.#regions.hidden + from * stride * 4;
    // The input of the half has been read: its place is free.
    const out = post === null ? to : this.#slice.address;
    this.#ops.quantize(x, n, weight);
    this.#ops.matmul(weight, x, n, out, stride, post === null);
    if (bias !== 0) this.#kernels.addBias(out, bias, weight.nRow, n, stride);
    if (post !== null) {
      this.#runNorm(post, out, out, n, stride);
      this.#kernels.addScaled(to, out, 1, n * stride);
    }
    if (this.#shape.normed === 'after') this.#runNorm(norm, to, to, n, stride);
  }

  #project({ weight, bias }: Linear, x: Rows, n: number, y: number, stride: number): void {
    this.#ops.matmul(weight, x, n, y, stride);
    if (bias !== 0) this.#kernels.addBias(y, bias, weight.nRow, n, stride);
  }
}

/** Rows of a part of a layer that are computed at once. */
const ROWS_A_STEP = 4 * SLICE_ROWS;

function isNextStep(from: number): boolean {
  return from > 0 && from % ROWS_A_STEP === 0;
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
  const norm = (name: string) => normRef(weights, `${prefix}${i}.${name}`);
  return {
    q: linear('q'),
    k: linear('k'),
    v: linear('v'),
    o: linear('o'),
    // bindWeights has checked that required weights are present.
    attnNorm: norm('attnNorm')!,
    qNorm: norm('qNorm'),
    kNorm: norm('kNorm'),
    attnPostNorm: norm('attnPostNorm'),
    gate: weights.has(`${prefix}${i}.gateProj`) ? linear('gate') : null,
    up: linear('up'),
    down: linear('down'),
    ffnNorm: norm('ffnNorm')!,
    ffnPostNorm: norm('ffnPostNorm'),
  };
}
