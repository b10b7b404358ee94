/** Texts as token ids to one vector each: embeddings, layers, pooling, and what comes after it. */
import type { EncoderFamily } from '../../archs/types.ts';
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { Ops } from '../../ops/ops.ts';
import { LateInteraction } from './late-interaction.ts';
import { EncoderLayers } from './layers.ts';
import type { Span } from './layers.ts';
import type { EncoderPlan } from './plan.ts';
import { normRef } from '../memory/layer-weights.ts';
import type { NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { rowOf, rowSlices } from '../memory/loader.ts';
import type { RowSlice } from '../memory/loader.ts';
import { pool, toLengthOne } from './pooling.ts';
import { EncoderRotary } from './rotary.ts';
import { textShape } from './shape.ts';
import { VectorHead } from './vector-head.ts';

export class TextEncoder {
  readonly config: EncoderConfig;
  readonly #family: EncoderFamily;
  readonly #plan: EncoderPlan;
  readonly #kernels: KernelExports;
  readonly #memory: WebAssembly.Memory;
  readonly #ops: Ops;
  readonly #layers: EncoderLayers;
  readonly #tokEmbd: readonly RowSlice[];
  /** Addresses of learned rows that are added to each embedding; 0 for families without them. */
  readonly #positions: number;
  readonly #tokenTypes: number;
  /** Norms of the embeddings and of the last layer's rows. */
  readonly #norm: NormRef | null;
  readonly #outputNorm: NormRef | null;
  readonly #head: VectorHead;
  readonly #late: LateInteraction | null;
  readonly #stride: number;

  constructor(
    family: EncoderFamily,
    config: EncoderConfig,
    plan: EncoderPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    this.config = config;
    this.#family = family;
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
      gate: r.gate.address,
    };
    const shape = textShape(family, config);
    const parts =
      config.ropeTheta === undefined
        ? {}
        : { rotary: new EncoderRotary(kernels, memory, shape, config, r.ropeTables.address) };
    this.#layers = new EncoderLayers(this.#ops, shape, regions, weights, 'layers.', parts);
    // bindWeights has checked that what a family requires is present.
    this.#tokEmbd = rowSlices(weights, 'tokEmbd');
    this.#positions = weights.get('positions')?.address ?? 0;
    this.#tokenTypes = weights.get('tokenTypes')?.address ?? 0;
    this.#norm = normRef(weights, 'embdNorm');
    this.#outputNorm = normRef(weights, 'outputNorm');
    this.#head = new VectorHead(family, config, this.#ops, memory, weights, {
      address: r.pooled.address,
      bytes: r.pooled.bytes,
      panels: r.pooledPanels.address,
    });
    const late = {
      hidden: r.hidden.address,
      panels: r.slicePanels.address,
      query: r.lateQuery.address,
      passage: r.latePassage.address,
      largest: r.lateLargest.address,
    };
    this.#late =
      config.late === undefined
        ? null
        : new LateInteraction(config, config.late, this.#ops, memory, weights, late);
    this.#stride = rowStride(config.nEmbd);
  }

  /**
   * One vector per text, of nEmbd values or of a reranker's nClass scores, for texts that fit into one pass
   * together. Yields after each layer, so that its caller gets a turn.
   * @param texts ids below nVocab, 1 to nCtx per text, at most plan.nRow together
   */
  *run(texts: readonly (readonly number[])[]): Generator<void, Float32Array[], void> {
    const spans = yield* this.#runLayers(texts);
    return spans.map((span) => this.#vectorOf(span));
  }

  /** Keeps a query's vectors of tokens, for `interact`; yields as `run` does. Only of models with config.late. */
  *holdQuery(query: readonly number[]): Generator<void, void, void> {
    const [span] = yield* this.#runLayers([query]);
    this.#late!.holdQuery(span!, toLengthOne(this.#vectorOf(span!)));
  }

  /** How relevant each text is to the query that is held (LateInteraction.score); texts and yields as those of `run`. */
  *interact(texts: readonly (readonly number[])[]): Generator<void, number[], void> {
    const spans = yield* this.#runLayers(texts);
    return spans.map((span) => this.#late!.score(span, toLengthOne(this.#vectorOf(span))));
  }

  /** What the head makes of a text's rows. */
  #vectorOf(span: Span): Float32Array {
    const hidden = this.#plan.regions.hidden.address;
    const rows = new Float32Array(this.#memory.buffer, hidden, this.#plan.nRow * this.#stride);
    const { pooling } = this.#head;
    return this.#head.run(pool(rows, this.#stride, span, pooling, this.config.nEmbd));
  }

  /** The last layer's rows of texts, in `hidden`, and where each text's are. */
  *#runLayers(texts: readonly (readonly number[])[]): Generator<void, Span[], void> {
    let T = 0;
    const spans = texts.map(({ length: n }): Span => ({ from: (T += n) - n, n }));
    this.#embed(texts);
    yield* this.#layers.run(spans, T);
    this.#normRows(this.#outputNorm, this.#plan.regions.hidden.address, T);
    return spans;
  }

  #normRows(norm: NormRef | null, start: number, nRow: number): void {
    if (norm === null) return;
    const { weight, bias, n } = norm;
    const { normEps } = this.config;
    const k = this.#kernels;
    if (this.#family.norm === 'rms')
      k.rmsNormRows(start, weight, start, n, nRow, this.#stride, normEps);
    else k.layerNormRows(start, weight, bias, start, n, nRow, this.#stride, normEps);
  }

  /** Position from which tokens have the second type; the text's length where none has. */
  #secondTypeFrom(text: readonly number[]): number {
    const { secondTypeAfterId } = this.config;
    const at = secondTypeAfterId === undefined ? -1 : text.indexOf(secondTypeAfterId);
    return at < 0 ? text.length : at + 1;
  }

  #embed(texts: readonly (readonly number[])[]): void {
    const { nEmbd, embeddingScale } = this.config;
    const stride = this.#stride;
    const start = this.#plan.regions.hidden.address;
    // Rows of f32 matrices are padded to whole vectors of eight.
    const rowBytes = Math.ceil(nEmbd / 8) * 32;
    let at = start;
    for (const text of texts) {
      const secondFrom = this.#secondTypeFrom(text);
      for (const [position, id] of text.entries()) {
        rowOf(this.#ops, this.#tokEmbd, id, at);
        if (embeddingScale !== undefined) this.#kernels.scaleRow(at, embeddingScale, nEmbd);
        if (this.#positions !== 0)
          this.#kernels.addScaled(at, this.#positions + position * rowBytes, 1, nEmbd);
        if (this.#tokenTypes !== 0) {
          const type = this.#tokenTypes + (position < secondFrom ? 0 : rowBytes);
          this.#kernels.addScaled(at, type, 1, nEmbd);
        }
        at += stride * 4;
      }
    }
    this.#normRows(this.#norm, start, (at - start) / (stride * 4));
  }
}
