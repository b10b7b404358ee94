/**
 * The forward pass of a decoder in WebAssembly: token ids or rows and a sequence's pages in, logits
 * out. Knows no sampling, no text, no I/O. Dimension letters as in ARCHITECTURE.md: T new positions,
 * C = nEmbd, F = nFf.
 *
 * `forward` is `embed`, `layers` and `head`, each of which can be called by itself: between them hidden
 * rows can move to the memory of another decoder, which holds other layers.
 *
 * Straight-line on purpose: it reads like the paper (arXiv 2302.13971, figure 1 of 1706.03762).
 */
import { archByName } from '../../archs/index.ts';
import { PAGE_TOKENS, pagesFor } from '../../cache/geometry.ts';
import { EngineError } from '../../base/errors.ts';
import type { DecoderManifest, ModelConfig } from '../../manifest/manifest.ts';
import type { SenseName } from '../../manifest/modalities.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { rowOf, rowSlices, tensorName } from '../memory/loader.ts';
import type { RowSlice } from '../memory/loader.ts';
import { Adapters } from './adapters.ts';
import type { AdapterTensors } from './adapters.ts';
import { Attention } from './attention.ts';
import type { BatchRow } from './attention.ts';
import { appendKeys, startOf, writesPrefix } from './contract.ts';
import type {
  AdapterHandle,
  AdapterSource,
  BatchPart,
  DecoderBackend,
  DecoderLimits,
  InputObserver,
  PositionInput,
  VisitLogits,
} from './contract.ts';
import { feedForward } from './feed-forward.ts';
import type { RunFeedForward } from './feed-forward.ts';
import { layerWeights, normRef } from '../memory/layer-weights.ts';
import type { LayerWeights, NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { CHUNK_TOKENS, layerOffset, MAX_SEQUENCES } from './plan.ts';
import type { MemoryPlan } from './plan.ts';
import { Projectors } from './projectors.ts';
import { PrefixPages } from './prefix-pages.ts';
import { RotaryTables } from './rotary-tables.ts';
import { Workspace } from './workspace.ts';

/**
 * What layers know of a part: nothing of its content. Plain numbers, so that it can travel with hidden
 * rows to another decoder.
 */
export interface PartPlace {
  /** Position of its first row. */
  readonly start: number;
  readonly nRow: number;
  /** Pages of its sequence, by position. */
  readonly pages: readonly number[];
  /** The sequence's page table among MAX_SEQUENCES. */
  readonly slot: number;
  /** The first of its rows whose logits are wanted; nRow for none. */
  readonly logitsFrom: number;
  readonly adapter: AdapterHandle | null;
  /** Whether the adapter's prefix is written before them. */
  readonly writesPrefix?: boolean;
}

/** A row of a pass whose logits are wanted, with its part and its index there. */
interface WantedRow {
  readonly part: number;
  readonly index: number;
  readonly row: number;
}

export class Decoder implements DecoderBackend {
  readonly config: ModelConfig;
  readonly limits: DecoderLimits;
  readonly plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #space: Workspace;
  readonly #weights: WeightMap;
  /** Of the layers that are held. */
  readonly #layers: readonly LayerWeights[];
  /** The rows of the embedding and of the head that are held. */
  readonly #tokEmbd: readonly RowSlice[];
  /** Learned positions, or null. */
  readonly #posEmbd: WeightRef | null;
  /** Null for a piece without the head. */
  readonly #outputNorm: NormRef | null;
  readonly #head: readonly RowSlice[];
  readonly #rotary: RotaryTables | null;
  readonly #attention: Attention;
  readonly #feedForward: RunFeedForward;
  readonly #adapters: Adapters;
  readonly #projectors: Projectors;

  constructor(
    manifest: DecoderManifest,
    plan: MemoryPlan,
    weights: WeightMap,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    const c = manifest.config;
    const arch = archByName(manifest.architecture);
    this.config = c;
    this.plan = plan;
    this.limits = {
      nCtx: plan.nCtx,
      nPage: plan.nPage,
      maxRows: CHUNK_TOKENS,
      maxSequences: MAX_SEQUENCES,
    };
    this.#memory = memory;
    this.#kernels = kernels;
    this.#space = new Workspace(arch, c, plan, kernels, memory);
    const [from, to] = plan.piece.layers;
    this.#layers = Array.from({ length: to - from }, (_, i) => layerWeights(weights, from + i, c));
    this.#weights = weights;
    this.#tokEmbd = rowSlices(weights, 'tokEmbd');
    this.#posEmbd = weights.get('posEmbd') ?? null;
    this.#outputNorm = normRef(weights, 'outputNorm');
    this.#head = c.tiedHead ? this.#tokEmbd : rowSlices(weights, 'head');
    this.#rotary = arch.positions === 'rope' ? new RotaryTables(this.#space) : null;
    this.#attention = new Attention(this.#space, this.#rotary);
    this.#feedForward = feedForward(this.#space);
    const prefixes = new PrefixPages(c, plan, kernels, memory);
    this.#adapters = new Adapters(plan, weights, memory, prefixes);
    this.#projectors = new Projectors(this.#space, weights);
  }

  /** Logits of row `row` of the last call to `forward`'s visitor, [rows of the vocabulary] f32, a view. */
  logits(row = 0): Float32Array {
    return new Float32Array(this.#memory.buffer, this.#logitsAddress(row), this.#nVocabRow);
  }

  /** Index in `logits` of the largest. */
  argmax(row = 0): number {
    return this.#kernels.argmax(this.#logitsAddress(row), this.#nVocabRow);
  }

  /** Sum of e^(logit - top) over row `row`; `top` is its largest logit. */
  sumExp(row: number, top: number): number {
    return this.#kernels.sumExp(this.#logitsAddress(row), this.#nVocabRow, top);
  }

  /** Rows of the vocabulary that are held: all of them unless this is a piece. */
  get #nVocabRow(): number {
    const [from, to] = this.plan.piece.rows;
    return to - from;
  }

  forward(parts: readonly BatchPart[], visit?: VisitLogits): void {
    const places = parts.map(placeOf);
    this.embed(parts);
    this.layers(places, 0, this.config.nLayer);
    for (const part of parts) appendKeys(part);
    this.head(places, visit);
  }

  /**
   * Writes the hidden rows the first layer reads, for every input of every part, one after the other.
   * @throws {EngineError} E_REQUEST_INVALID for an id outside the vocabulary.
   */
  embed(parts: readonly BatchPart[]): void {
    this.#embedInputs(
      parts.flatMap((part) =>
        part.inputs.map((input, i) => ({ input, position: startOf(part) + i })),
      ),
    );
  }

  /**
   * The same for tokens at positions of any sequences.
   * @throws {EngineError} E_REQUEST_INVALID for an id that is not among the rows held.
   */
  embedTokens(ids: readonly number[], positions: readonly number[]): void {
    this.#embedInputs(ids.map((input, i) => ({ input, position: positions[i]! })));
  }

  /** @throws {EngineError} as `Projectors.project` */
  project(sense: SenseName, values: Float32Array): Float32Array {
    return this.#projectors.project(sense, values);
  }

  /**
   * Hidden rows through layers [from, to), whose keys and values go into the pages. The last layer of
   * the model keeps only the rows whose logits are wanted, moved together.
   * @returns the number of rows after it
   * @throws {EngineError} E_INTERNAL for missing pages, adapters that are not held or layers that do
   *   not exist.
   */
  layers(places: readonly PartPlace[], from: number, to: number): number {
    const { nLayer } = this.config;
    const [first, end] = this.plan.piece.layers;
    if (!(first <= from && from <= to && to <= end))
      throw new EngineError(
        'E_INTERNAL',
        `layers: [${from}, ${to}) of ${nLayer}; expected a range within [${first}, ${end})`,
      );
    const space = this.#space;
    const rows = this.#placeRows(places);
    const T = rows.length;
    space.ops.adapted = this.#adapters.runsOf(places);
    const beginning = places.filter((place) => place.writesPrefix);
    for (let i = from; i < to; i++) {
      const w = this.#layers[i - first]!;
      for (const { adapter, pages } of beginning)
        this.#adapters.copyPrefix(
          adapter!,
          i,
          pages.map((page) => this.#pageAddress(page)),
        );
      // In the last layer, rows without logits only write their keys and values.
      const kept = i < nLayer - 1 ? null : wantedRows(places).map(({ row }) => row);
      space.enterHalf(w.attnNorm, T);
      const n = this.#attention.run(w, i, rows, kept);
      if (n > 0) {
        space.enterHalf(w.ffnNorm, n);
        this.#feedForward(w, n);
      }
      if (kept !== null) return n;
    }
    return T;
  }

  /** Logits of the rows that the last layer left. */
  head(places: readonly PartPlace[], visit?: VisitLogits): void {
    const wanted = wantedRows(places);
    this.projectRows(wanted.length, (i, row) => {
      const { part, index } = wanted[i]!;
      visit?.(part, index, row);
    });
  }

  /**
   * Logits of the first `n` hidden rows, plan.logitRows at a time.
   * @param show called with each hidden row's index while its logits are in row `row`
   */
  projectRows(n: number, show: (index: number, row: number) => void): void {
    // The head is not adapted, and its rows have other indices.
    this.#space.ops.adapted = null;
    const { logitRows } = this.plan;
    for (let start = 0; start < n; start += logitRows) {
      const nRow = Math.min(logitRows, n - start);
      this.#project(start, nRow);
      for (let row = 0; row < nRow; row++) show(start + row, row);
    }
  }

  /**
   * The first `nRow` hidden rows, [nRow, hiddenStride] f32, a view: the output of `embed`
   * and `layers` is read here, and the input of `layers` and `head` is written here. Valid until the
   * next of these calls; copy (`slice`) what is to leave this isolate.
   */
  hidden(nRow: number): Float32Array {
    checkRows(nRow);
    const { hidden, stride } = this.#space;
    return new Float32Array(this.#memory.buffer, hidden, nRow * stride);
  }

  /** Whether embeddings depend on their positions. */
  get hasLearnedPositions(): boolean {
    return this.#posEmbd !== null;
  }

  /** Values from one hidden row to the next: nEmbd and padding. */
  get hiddenStride(): number {
    return this.#space.stride;
  }

  /** Positions, page tables and rotary angles of every row of a pass. */
  #placeRows(places: readonly PartPlace[]): BatchRow[] {
    checkRows(places.reduce((sum, { nRow }) => sum + nRow, 0));
    const rows: BatchRow[] = [];
    for (const { start, nRow, pages, slot } of places) {
      // A write to a missing page would go anywhere in memory.
      if (pages.length < pagesFor(start + nRow))
        throw new EngineError('E_INTERNAL', `forward: no pages for ${start + nRow} tokens`);
      const pageTable = this.#writePageTable(pages, slot);
      this.#rotary?.fill(rows.length, start, nRow);
      for (let position = start; position < start + nRow; position++) {
        const page = pages[Math.floor(position / PAGE_TOKENS)]!;
        rows.push({ position, pageAddress: this.#pageAddress(page), pageTable });
      }
    }
    return rows;
  }

  #embedInputs(inputs: readonly { input: PositionInput; position: number }[]): void {
    checkRows(inputs.length);
    for (const [row, { input, position }] of inputs.entries()) {
      this.#embedInput(input, row);
      if (this.#posEmbd !== null) this.#addPosition(this.#posEmbd, row, position);
    }
  }

  /** hidden[row] = scale * embedding of the token, or the row as it is; [C]. */
  #embedInput(input: PositionInput, row: number): void {
    const { nEmbd, embeddingScale } = this.config;
    const { hidden, stride, ops } = this.#space;
    const to = hidden + row * stride * 4;
    if (typeof input !== 'number') {
      if (input.values.length !== nEmbd)
        throw new EngineError(
          'E_INTERNAL',
          `embed: expected a row of ${nEmbd} values, got ${input.values.length}`,
        );
      new Float32Array(this.#memory.buffer, to, nEmbd).set(input.values);
      return;
    }
    const [from, end] = this.plan.piece.rows;
    if (!Number.isInteger(input) || input < from || input >= end) {
      throw new EngineError(
        'E_REQUEST_INVALID',
        `tokens: id ${input} is not in the vocabulary; expected ${from} to ${end - 1}. Use the tokenizer of this model.`,
        { details: { token: input, nVocab: end }, param: 'prompt' },
      );
    }
    rowOf(ops, this.#tokEmbd, input, to);
    if (embeddingScale !== undefined) this.#kernels.scaleRow(to, embeddingScale, stride);
  }

  /** hidden[row] += the learned row of its position. */
  #addPosition(posEmbd: WeightRef, row: number, position: number): void {
    const { ops, normed } = this.#space;
    ops.row(posEmbd, position, normed.address);
    this.#space.addRow(row, normed.address, 1);
  }

  /** Final norm and head of `n` hidden rows from row `first` on into the logits region. */
  #project(first: number, n: number): void {
    const { config: c } = this;
    const { normed, ops, norm, hidden, stride } = this.#space;
    norm(this.#outputNorm!, hidden + first * stride * 4, normed.address, n, stride);
    // Slices of a matrix are of one type: they read the same rounded rows.
    ops.quantize(normed, n, this.#head[0]!.weight);
    const logits = this.plan.regions.logits.address;
    const logitStride = rowStride(this.#nVocabRow);
    for (const { weight, firstRow } of this.#head) {
      const to = logits + (firstRow - this.plan.piece.rows[0]) * 4;
      ops.matmul(weight, normed, n, to, logitStride);
    }
    const nValue = n * logitStride;
    if (c.logitDivisor !== undefined) this.#kernels.scaleRow(logits, 1 / c.logitDivisor, nValue);
    if (c.logitSoftcap !== undefined) this.#kernels.softcapRow(logits, c.logitSoftcap, nValue);
  }

  /** Holds an adapter from now on. @throws {EngineError} as Adapters.add */
  addAdapter(adapter: AdapterTensors): AdapterHandle {
    return this.#adapters.add(adapter);
  }

  async holdAdapter(source: AdapterSource): Promise<void> {
    if (this.#adapters.has(source.id)) return;
    const tensors = await source.load(this.plan.piece.layers);
    // Another call may have been faster.
    if (!this.#adapters.has(source.id)) this.#adapters.add(tensors);
  }

  dropAdapter(id: string): void {
    this.#adapters.remove(id);
  }

  /** Shows `observer` the input of every product from now on; null ends it. */
  observeInputs(observer: InputObserver | null): void {
    const names = new Map([...this.#weights].map(([name, w]) => [w, tensorName(name)]));
    this.#space.ops.observer =
      observer === null
        ? null
        : (w, { address, stride }, nTok) => {
            const x = new Float32Array(this.#memory.buffer, address, nTok * stride);
            observer(names.get(w)!, x, nTok, stride);
          };
  }

  /** Copies all keys and values of a page. */
  copyPage(from: number, to: number): void {
    const memory = new Uint8Array(this.#memory.buffer);
    const { layerBytes } = this.plan.kv;
    const [first, end] = this.plan.piece.layers;
    for (let layer = first; layer < end; layer++) {
      const start = this.#pageAddress(from) + layerOffset(this.plan, layer);
      const target = this.#pageAddress(to) + layerOffset(this.plan, layer);
      memory.copyWithin(target, start, start + layerBytes);
    }
  }

  #logitsAddress(row: number): number {
    return this.plan.regions.logits.address + row * rowStride(this.#nVocabRow) * 4;
  }

  /** Address of the first layer's part of a page. */
  #pageAddress(page: number): number {
    return this.plan.regions.kvPages.address + page * this.plan.kv.layerBytes;
  }

  #writePageTable(pages: readonly number[], table: number): number {
    if (table < 0 || table >= MAX_SEQUENCES)
      throw new EngineError(
        'E_INTERNAL',
        `forward: expected a slot from 0 to ${MAX_SEQUENCES - 1}, got ${table}`,
      );
    const address = this.plan.regions.pageTables.address + table * this.plan.nPage * 4;
    const entries = new Uint32Array(this.#memory.buffer, address, this.plan.nPage);
    for (const [i, page] of pages.entries()) entries[i] = this.#pageAddress(page);
    return address;
  }
}

export function placeOf(part: BatchPart): PartPlace {
  const { inputs, sequence, slot, logitsFrom, adapter } = part;
  const place = { nRow: inputs.length, pages: sequence.pages, slot, logitsFrom, adapter };
  return { ...place, start: startOf(part), ...(writesPrefix(part) ? { writesPrefix: true } : {}) };
}

function checkRows(nRow: number): void {
  if (nRow === 0 || nRow > CHUNK_TOKENS)
    throw new EngineError('E_INTERNAL', `forward: expected 1 to ${CHUNK_TOKENS} rows, got ${nRow}`);
}

function wantedRows(places: readonly PartPlace[]): WantedRow[] {
  const wanted: WantedRow[] = [];
  let first = 0;
  for (const [part, { nRow, logitsFrom }] of places.entries()) {
    for (let index = logitsFrom; index < nRow; index++)
      wanted.push({ part, index, row: first + index });
    first += nRow;
  }
  return wanted;
}
