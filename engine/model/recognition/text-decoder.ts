/**
 * Whisper's text decoder: tokens after those it holds, and the cached keys and values of the encoder's
 * output, to logits. One sequence. Letters as in ARCHITECTURE.md: T new tokens, S audio positions.
 *
 * Straight-line as in figure 1 of arXiv 1706.03762, with LayerNorm before each half.
 */
import { EngineError } from '../../base/errors.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { isBlock, Ops } from '../../ops/ops.ts';
import type { Rows } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { normRef } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { PagedKeys } from '../encoder/paged-keys.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { LOGIT_ROWS, TEXT_ROWS } from './plan.ts';
import type { RecognitionPlan } from './plan.ts';

interface DecoderLayer {
  readonly attnNorm: NormRef;
  readonly q: Linear;
  readonly k: Linear;
  readonly v: Linear;
  readonly o: Linear;
  readonly crossNorm: NormRef;
  readonly crossQ: Linear;
  readonly crossK: Linear;
  readonly crossV: Linear;
  readonly crossO: Linear;
  readonly ffnNorm: NormRef;
  readonly up: Linear;
  readonly down: Linear;
}

/** Called with the logits of row `row` of a pass, [nVocab] f32, a view valid during the call. */
export type VisitRow = (row: number, logits: Float32Array) => void;
/** Queries of cross attention of one layer, [T, stride] f32, a view; heads of nEmbd / nHead values. */
export type ObserveQueries = (layer: number, queries: Float32Array, stride: number) => void;

export class TextDecoder {
  readonly config: RecognitionConfig;
  readonly plan: RecognitionPlan;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #layers: readonly DecoderLayer[];
  readonly #tokEmbd: WeightRef;
  readonly #positions: WeightRef;
  readonly #lastNorm: NormRef;
  /** One of the weights that read the encoder's rows: one that needs them rounded, if any does. */
  readonly #heardBy: WeightRef;
  readonly #self: PagedKeys;
  readonly #cross: PagedKeys;
  readonly #normed: Rows;
  readonly #attended: Rows;
  readonly #up: Rows;
  readonly #hidden: number;
  readonly #queries: number;
  readonly #keys: number;
  readonly #values: number;
  readonly #logits: number;
  readonly #stride: number;
  #nToken = 0;
  #observe: ObserveQueries | null = null;

  constructor(
    config: RecognitionConfig,
    plan: RecognitionPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.plan = plan;
    this.#kernels = kernels;
    this.#memory = memory;
    this.#ops = new Ops(kernels);
    this.#layers = Array.from({ length: config.nTextLayer }, (_, i) => decoderLayer(weights, i));
    this.#tokEmbd = weights.get('tokEmbd')!;
    this.#positions = weights.get('textPositions')!;
    this.#lastNorm = normRef(weights, 'decoder.norm')!;
    const readers = this.#layers.flatMap(({ crossK, crossV }) => [crossK.weight, crossV.weight]);
    this.#heardBy = readers.find(isBlock) ?? readers[0]!;
    const at = (name: keyof RecognitionPlan['regions']) => plan.regions[name].address;
    const heads = { nHead: config.nHead, headDim: config.nEmbd / config.nHead };
    const shared = { kernels, memory, geometry: plan.kv, scratch: at('attendScratch'), ...heads };
    this.#self = new PagedKeys({
      ...shared,
      nPage: plan.nSelfPage,
      pages: at('selfPages'),
      table: at('selfTable'),
    });
    this.#cross = new PagedKeys({
      ...shared,
      nPage: plan.nCrossPage,
      pages: at('crossPages'),
      table: at('crossTable'),
    });
    this.#stride = rowStride(config.nEmbd);
    const rows = (name: 'normed' | 'attended', width: number): Rows => ({
      address: at(name),
      panels: at(`${name}Panels`),
      stride: rowStride(width),
    });
    this.#normed = rows('normed', config.nEmbd);
    this.#attended = rows('attended', config.nEmbd);
    this.#up = { address: at('up'), panels: at('upPanels'), stride: rowStride(config.nFf) };
    this.#hidden = at('hidden');
    this.#queries = at('queries');
    this.#keys = at('keys');
    this.#values = at('values');
    this.#logits = at('logits');
  }

  /** Tokens the decoder holds. */
  get nToken(): number {
    return this.#nToken;
  }

  /** Forgets all tokens after the first `nToken`. */
  rewind(nToken: number): void {
    this.#nToken = Math.min(nToken, this.#nToken);
  }

  /** Shows `observe` the queries of cross attention of every layer; null ends it. */
  observeQueries(observe: ObserveQueries | null): void {
    this.#observe = observe;
  }

  /**
   * Writes keys and values of cross attention for T rows of the encoder's output, positions `from` and
   * on of the audio. `scratch` has room for 2 T rows.
   */
  hear(x: Rows, from: number, T: number, scratch: number): void {
    const [keys, values] = [scratch, scratch + T * this.#stride * 4];
    // All layers read the same rows: they are rounded once, if any weight needs that.
    this.#ops.quantize(x, T, this.#heardBy);
    for (const [i, { crossK, crossV }] of this.#layers.entries()) {
      this.#project(crossK, x, T, keys);
      this.#project(crossV, x, T, values);
      this.#cross.write(i, from, T, keys, values, this.#stride);
    }
  }

  /** Sets the number of audio positions attended to, and forgets all tokens. */
  listen(nAudio: number): void {
    this.#cross.fillTable();
    this.#self.fillTable();
    this.#cross.length = nAudio;
    this.#nToken = 0;
  }

  /** Keys of one head over the audio, [S, headDim] f32. */
  crossKeys(layer: number, head: number): Float32Array {
    return this.#cross.keysOf(layer, head);
  }

  /**
   * Evaluates tokens after those the decoder holds and appends them.
   * @param wanted rows whose logits `visit` is called with, in ascending order
   */
  forward(tokens: readonly number[], wanted: readonly number[] = [], visit?: VisitRow): void {
    for (let from = 0; from < tokens.length; from += TEXT_ROWS) {
      const part = tokens.slice(from, from + TEXT_ROWS);
      const rows = wanted.filter((row) => row >= from && row < from + part.length);
      this.#pass(part);
      this.#visitLogits(
        rows.map((row) => row - from),
        (row, logits) => visit?.(row + from, logits),
      );
    }
  }

  #pass(tokens: readonly number[]): void {
    const T = tokens.length;
    const first = this.#nToken;
    if (first + T > this.config.nTextCtx)
      throw new EngineError(
        'E_INTERNAL',
        `recognition: expected at most ${this.config.nTextCtx} tokens of text, got ${first + T}`,
      );
    this.#embed(tokens, first);
    for (const [i, w] of this.#layers.entries()) {
      this.#attendToText(i, w, first, T);
      this.#attendToAudio(i, w, T);
      this.#feedForward(w, T);
    }
    this.#nToken = first + T;
  }

  /** hidden[t] = embedding of tokens[t] + the learned row of its position. */
  #embed(tokens: readonly number[], first: number): void {
    const rowBytes = this.#stride * 4;
    for (const [t, token] of tokens.entries()) {
      const to = this.#hidden + t * rowBytes;
      this.#ops.row(this.#tokEmbd, token, to);
      this.#ops.row(this.#positions, first + t, this.#normed.address);
      this.#kernels.addScaled(to, this.#normed.address, 1, this.#stride);
    }
  }

  #attendToText(i: number, w: DecoderLayer, first: number, T: number): void {
    const { stride } = this.#attended;
    this.#norm(w.attnNorm, T);
    this.#ops.quantize(this.#normed, T, w.q.weight, w.k.weight, w.v.weight);
    this.#project(w.q, this.#normed, T, this.#queries);
    this.#project(w.k, this.#normed, T, this.#keys);
    this.#project(w.v, this.#normed, T, this.#values);
    this.#self.write(i, first, T, this.#keys, this.#values, stride);
    for (let t = 0; t < T; t++) {
      this.#self.length = first + t + 1;
      this.#self.attend(i, this.#queries + t * stride * 4, this.#attended.address + t * stride * 4);
    }
    this.#add(w.o, this.#attended, T);
  }

  #attendToAudio(i: number, w: DecoderLayer, T: number): void {
    const { stride } = this.#attended;
    this.#norm(w.crossNorm, T);
    this.#ops.quantize(this.#normed, T, w.crossQ.weight);
    this.#project(w.crossQ, this.#normed, T, this.#queries);
    this.#observe?.(i, new Float32Array(this.#memory.buffer, this.#queries, T * stride), stride);
    for (let t = 0; t < T; t++)
      this.#cross.attend(
        i,
        this.#queries + t * stride * 4,
        this.#attended.address + t * stride * 4,
      );
    this.#add(w.crossO, this.#attended, T);
  }

  #feedForward(w: DecoderLayer, T: number): void {
    this.#norm(w.ffnNorm, T);
    this.#ops.quantize(this.#normed, T, w.up.weight);
    this.#project(w.up, this.#normed, T, this.#up.address, this.#up.stride);
    this.#kernels.geluErfRow(this.#up.address, this.#up.address, T * this.#up.stride);
    this.#add(w.down, this.#up, T);
  }

  #norm(norm: NormRef, T: number): void {
    const { normEps } = this.config;
    const stride = this.#stride;
    this.#kernels.layerNormRows(
      this.#hidden,
      norm.weight,
      norm.bias,
      this.#normed.address,
      norm.n,
      T,
      stride,
      normEps,
    );
  }

  /** y = W x + bias; x is quantized. */
  #project({ weight, bias }: Linear, x: Rows, T: number, y: number, stride = this.#stride): void {
    this.#ops.matmul(weight, x, T, y, stride);
    if (bias !== 0) this.#kernels.addBias(y, bias, weight.nRow, T, stride);
  }

  /** hidden += W x + bias. */
  #add({ weight, bias }: Linear, x: Rows, T: number): void {
    this.#ops.quantize(x, T, weight);
    this.#ops.matmul(weight, x, T, this.#hidden, this.#stride, true);
    if (bias !== 0) this.#kernels.addBias(this.#hidden, bias, weight.nRow, T, this.#stride);
  }

  #visitLogits(rows: readonly number[], visit: VisitRow): void {
    const stride = rowStride(this.config.nVocab);
    for (let from = 0; from < rows.length; from += LOGIT_ROWS) {
      const part = rows.slice(from, from + LOGIT_ROWS);
      for (const [i, row] of part.entries()) this.#normRow(row, i);
      this.#ops.quantize(this.#normed, part.length, this.#tokEmbd);
      this.#ops.matmul(this.#tokEmbd, this.#normed, part.length, this.#logits, stride);
      for (const [i, row] of part.entries()) {
        const at = this.#logits + i * stride * 4;
        visit(row, new Float32Array(this.#memory.buffer, at, this.config.nVocab));
      }
    }
  }

  #normRow(row: number, to: number): void {
    const { weight, bias, n } = this.#lastNorm;
    const rowBytes = this.#stride * 4;
    this.#kernels.layerNormRows(
      this.#hidden + row * rowBytes,
      weight,
      bias,
      this.#normed.address + to * rowBytes,
      n,
      1,
      this.#stride,
      this.config.normEps,
    );
  }
}

function decoderLayer(weights: WeightMap, layer: number): DecoderLayer {
  const prefix = `decoder.layers.${layer}.`;
  const norm = (name: string) => normRef(weights, prefix + name)!;
  const linear = (name: string) => linearOf(weights, prefix + name);
  return {
    attnNorm: norm('attnNorm'),
    q: linear('q'),
    k: linear('k'),
    v: linear('v'),
    o: linear('o'),
    crossNorm: norm('crossNorm'),
    crossQ: linear('crossQ'),
    crossK: linear('crossK'),
    crossV: linear('crossV'),
    crossO: linear('crossO'),
    ffnNorm: norm('ffnNorm'),
    up: linear('up'),
    down: linear('down'),
  };
}
