/** Texts as token ids to one vector each: embeddings, layers that attend both ways, pooling. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { Ops } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { EncoderLayers } from './layers.ts';
import type { Span } from './layers.ts';
import type { EncoderPlan } from './plan.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { pool } from './pooling.ts';

export class TextEncoder {
  readonly config: EncoderConfig;
  readonly #plan: EncoderPlan;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #layers: EncoderLayers;
  readonly #tokEmbd: WeightRef;
  readonly #positions: number;
  readonly #tokenTypes: number;
  readonly #norm: NormRef;
  readonly #stride: number;

  constructor(
    config: EncoderConfig,
    plan: EncoderPlan,
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
    const shape = { ...config, normed: 'after' } as const;
    this.#layers = new EncoderLayers(this.#ops, shape, regions, weights, 'layers.');
    // bindWeights has checked that they are present.
    this.#tokEmbd = weights.get('tokEmbd')!;
    this.#positions = weights.get('positions')!.address;
    this.#tokenTypes = weights.get('tokenTypes')!.address;
    this.#norm = normRef(weights, 'embdNorm')!;
    this.#stride = rowStride(config.nEmbd);
  }

  /**
   * One vector of nEmbd values per text, for texts that fit into one pass together. Yields after each
   * layer, so that its caller gets a turn.
   * @param texts ids below nVocab, 1 to nCtx per text, at most plan.nRow together
   */
  *run(texts: readonly (readonly number[])[]): Generator<void, Float32Array[], void> {
    let T = 0;
    const spans = texts.map(({ length: n }): Span => ({ from: (T += n) - n, n }));
    this.#embed(texts);
    yield* this.#layers.run(spans, T);
    const hidden = this.#plan.regions.hidden.address;
    const rows = new Float32Array(this.#memory.buffer, hidden, T * this.#stride);
    return spans.map((span) => pool(rows, this.#stride, span, this.config));
  }

  #embed(texts: readonly (readonly number[])[]): void {
    const { nEmbd, normEps } = this.config;
    const stride = this.#stride;
    const start = this.#plan.regions.hidden.address;
    // Rows of f32 matrices are padded to whole vectors of eight.
    const rowBytes = Math.ceil(nEmbd / 8) * 32;
    let at = start;
    for (const text of texts) {
      for (const [position, id] of text.entries()) {
        this.#ops.row(this.#tokEmbd, id, at);
        this.#kernels.addScaled(at, this.#positions + position * rowBytes, 1, nEmbd);
        this.#kernels.addScaled(at, this.#tokenTypes, 1, nEmbd);
        at += stride * 4;
      }
    }
    const { weight, bias, n } = this.#norm;
    const nRow = (at - start) / (stride * 4);
    this.#kernels.layerNormRows(start, weight, bias, start, n, nRow, stride, normEps);
  }
}
