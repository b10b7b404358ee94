/**
 * The forward pass of a decoder: token ids and a sequence's pages in, logits out. Knows no sampling,
 * no text, no I/O. Dimension letters as in ARCHITECTURE.md: T new tokens, C = nEmbd, F = nFf.
 *
 * Straight-line on purpose: it reads like the paper (arXiv 2302.13971, figure 1 of 1706.03762).
 */
import { archByName } from '../../archs/index.ts';
import { PAGE_TOKENS } from '../../cache/geometry.ts';
import type { Sequence } from '../../cache/pages.ts';
import { EngineError } from '../../base/errors.ts';
import type { DecoderManifest, ModelConfig } from '../../manifest/manifest.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { Attention } from './attention.ts';
import type { BatchRow } from './attention.ts';
import { feedForward } from './feed-forward.ts';
import type { RunFeedForward } from './feed-forward.ts';
import { layerWeights, normRef } from '../memory/layer-weights.ts';
import type { LayerWeights, NormRef, WeightMap } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { CHUNK_TOKENS, layerOffset, MAX_SEQUENCES } from './plan.ts';
import type { MemoryPlan } from './plan.ts';
import { RotaryTables } from './rotary-tables.ts';
import { Workspace } from './workspace.ts';

/** Tokens of one sequence in a pass. Several parts share one reading of the weights. */
export interface BatchPart {
  /** At least one; all parts together at most CHUNK_TOKENS. */
  readonly tokens: readonly number[];
  /** Where they are appended; pages must have been reserved. No two parts share a sequence. */
  readonly sequence: Sequence;
  /** The sequence's page table among MAX_SEQUENCES. */
  readonly slot: number;
  /** Logits are wanted of `tokens[logitsFrom]` and all behind it; tokens.length for none. */
  readonly logitsFrom: number;
}

/** Called while the logits of token `index` of part `part` stand in `row`. */
export type VisitLogits = (part: number, index: number, row: number) => void;

/** `x`: the rows a product of this weight reads, [nTok, stride] f32, a view that lasts for the call. */
export type InputObserver = (tensor: string, x: Float32Array, nTok: number, stride: number) => void;

/** A row of a pass that wants logits, and whose it is. */
interface WantedRow {
  readonly part: number;
  readonly index: number;
  readonly row: number;
}

export class Decoder {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #space: Workspace;
  readonly #weights: WeightMap;
  readonly #layers: readonly LayerWeights[];
  readonly #tokEmbd: WeightRef;
  /** Learned positions, or null. */
  readonly #posEmbd: WeightRef | null;
  readonly #outputNorm: NormRef;
  readonly #head: WeightRef;
  readonly #rotary: RotaryTables | null;
  readonly #attention: Attention;
  readonly #feedForward: RunFeedForward;

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
    this.#memory = memory;
    this.#kernels = kernels;
    this.#space = new Workspace(arch, c, plan, kernels, memory);
    this.#layers = Array.from({ length: c.nLayer }, (_, i) => layerWeights(weights, i, c));
    this.#weights = weights;
    this.#tokEmbd = weights.get('tokEmbd')!;
    this.#posEmbd = weights.get('posEmbd') ?? null;
    this.#outputNorm = normRef(weights, 'outputNorm')!;
    this.#head = c.tiedHead ? this.#tokEmbd : weights.get('head')!;
    this.#rotary = arch.positions === 'rope' ? new RotaryTables(this.#space) : null;
    this.#attention = new Attention(this.#space, this.#rotary);
    this.#feedForward = feedForward(this.#space);
  }

  /** Logits of row `row` of the last call to `forward`'s visitor, [nVocab] f32, a view. */
  logits(row = 0): Float32Array {
    return new Float32Array(this.#memory.buffer, this.#logitsAddress(row), this.config.nVocab);
  }

  argmax(row = 0): number {
    return this.#kernels.argmax(this.#logitsAddress(row), this.config.nVocab);
  }

  /** log of the sum of e^logit over row `row`. */
  logSumExp(row = 0): number {
    const top = this.logits(row)[this.argmax(row)]!;
    return top + Math.log(this.sumExp(row, top));
  }

  /** Sum of e^(logit - top) over row `row`; `top` is its largest logit. */
  sumExp(row: number, top: number): number {
    return this.#kernels.sumExp(this.#logitsAddress(row), this.config.nVocab, top);
  }

  /**
   * One pass: evaluates the tokens of every part behind what its sequence holds and appends them.
   * Rows of one sequence see each other causally, rows of different ones not at all, so that what a
   * part gets does not depend on its mates.
   * @throws {EngineError} E_REQUEST_INVALID for an id outside the vocabulary, before anything is
   *   appended.
   */
  forward(parts: readonly BatchPart[], visit?: VisitLogits): void {
    const tokens = parts.flatMap((part) => part.tokens);
    const T = tokens.length;
    if (T === 0 || T > CHUNK_TOKENS)
      throw new EngineError('E_INTERNAL', `forward: ${T} tokens; expected 1 to ${CHUNK_TOKENS}`);
    const space = this.#space;
    this.#embed(tokens);
    const rows = this.#placeRows(parts);
    if (this.#posEmbd !== null) this.#addPositions(this.#posEmbd, rows);
    const wanted = wantedRows(parts);
    const layers = this.#layers;
    for (let i = 0; i < layers.length; i++) {
      const w = layers[i]!;
      // Of the last layer rows without logits leave keys and values, and nothing else.
      const kept = i < layers.length - 1 ? null : wanted.map(({ row }) => row);
      space.enterHalf(w.attnNorm, T);
      const n = this.#attention.run(w, i, rows, kept);
      if (n === 0) break;
      space.enterHalf(w.ffnNorm, n);
      this.#feedForward(w, n);
    }
    for (const { sequence, tokens: appended } of parts) sequence.tokens.push(...appended);
    this.#visitLogits(wanted, visit);
  }

  /** Positions, page tables and rotary angles of every token of a batch. */
  #placeRows(parts: readonly BatchPart[]): BatchRow[] {
    let nRow = 0;
    return parts.flatMap(({ tokens, sequence, slot }) => {
      const start = sequence.tokens.length;
      // A write to a page that is not there would go anywhere in memory.
      if (sequence.pagesMissing(start + tokens.length) > 0)
        throw new EngineError(
          'E_INTERNAL',
          `forward: no pages for ${start + tokens.length} tokens`,
        );
      const pageTable = this.#writePageTable(sequence, slot);
      this.#rotary?.fill(nRow, start, tokens.length);
      nRow += tokens.length;
      return tokens.map((_, i) => {
        const position = start + i;
        const page = sequence.pages[Math.floor(position / PAGE_TOKENS)]!;
        return { position, pageAddress: this.#pageAddress(page), pageTable };
      });
    });
  }

  /** Final norm and head for what the last layer kept, plan.logitRows at a time. */
  #visitLogits(wanted: readonly WantedRow[], visit: VisitLogits | undefined): void {
    const { logitRows } = this.plan;
    for (let start = 0; start < wanted.length; start += logitRows) {
      const rows = wanted.slice(start, start + logitRows);
      this.#project(start, rows.length);
      for (const [row, { part, index }] of rows.entries()) visit?.(part, index, row);
    }
  }

  /** hidden[t] = scale * embedding of tokens[t], [T, C]. */
  #embed(tokens: readonly number[]): void {
    const { nVocab, embeddingScale } = this.config;
    const { hidden, stride, ops } = this.#space;
    for (const [t, token] of tokens.entries()) {
      if (!Number.isInteger(token) || token < 0 || token >= nVocab) {
        throw new EngineError(
          'E_REQUEST_INVALID',
          `tokens: id ${token} is not in the vocabulary; expected 0 to ${nVocab - 1}`,
          { details: { token, nVocab }, param: 'prompt' },
        );
      }
      ops.row(this.#tokEmbd, token, hidden + t * stride * 4);
    }
    if (embeddingScale !== undefined)
      this.#kernels.scaleRow(hidden, embeddingScale, tokens.length * stride);
  }

  /** hidden[t] += the learned row of its position. */
  #addPositions(posEmbd: WeightRef, rows: readonly BatchRow[]): void {
    const { ops, normed } = this.#space;
    for (const [t, { position }] of rows.entries()) {
      ops.row(posEmbd, position, normed.address);
      this.#space.addRow(t, normed.address, 1);
    }
  }

  /** Final norm and head of `n` hidden rows from row `first` on into the logits region. */
  #project(first: number, n: number): void {
    const { config: c } = this;
    const { normed, ops, norm, hidden, stride } = this.#space;
    norm(this.#outputNorm, hidden + first * stride * 4, normed.address, n, stride);
    ops.quantize(normed, n, this.#head);
    const logits = this.plan.regions.logits.address;
    ops.matmul(this.#head, normed, n, logits, rowStride(c.nVocab));
    const nValue = n * rowStride(c.nVocab);
    if (c.logitDivisor !== undefined) this.#kernels.scaleRow(logits, 1 / c.logitDivisor, nValue);
    if (c.logitSoftcap !== undefined) this.#kernels.softcapRow(logits, c.logitSoftcap, nValue);
  }

  /** Shows `observer` the input of every product from now on; null ends it. */
  observeInputs(observer: InputObserver | null): void {
    const names = new Map([...this.#weights].map(([name, w]) => [w, name]));
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
    for (let layer = 0; layer < this.config.nLayer; layer++) {
      const start = this.#pageAddress(from) + layerOffset(this.plan, layer);
      const target = this.#pageAddress(to) + layerOffset(this.plan, layer);
      memory.copyWithin(target, start, start + layerBytes);
    }
  }

  #logitsAddress(row: number): number {
    return this.plan.regions.logits.address + row * rowStride(this.config.nVocab) * 4;
  }

  /** Where the first layer's part of a page lies. */
  #pageAddress(page: number): number {
    return this.plan.regions.kvPages.address + page * this.plan.kv.layerBytes;
  }

  #writePageTable(sequence: Sequence, table: number): number {
    if (table < 0 || table >= MAX_SEQUENCES)
      throw new EngineError('E_INTERNAL', `page table ${table} of ${MAX_SEQUENCES}`);
    const address = this.plan.regions.pageTables.address + table * this.plan.nPage * 4;
    const entries = new Uint32Array(this.#memory.buffer, address, this.plan.nPage);
    for (const [i, page] of sequence.pages.entries()) entries[i] = this.#pageAddress(page);
    return address;
  }
}

function wantedRows(parts: readonly BatchPart[]): WantedRow[] {
  let nRow = 0;
  return parts.flatMap(({ tokens, logitsFrom }, part) => {
    const first = nRow;
    nRow += tokens.length;
    return tokens.flatMap((_, index) =>
      index < logitsFrom ? [] : [{ part, index, row: first + index }],
    );
  });
}
