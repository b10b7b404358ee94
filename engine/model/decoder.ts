/**
 * The forward pass of a decoder: token ids and a sequence's pages in, logits out. Knows no sampling,
 * no text, no I/O. Dimension letters as in ARCHITECTURE.md: T new tokens, C = nEmbd, F = nFf.
 *
 * Straight-line on purpose: it reads like the paper (arXiv 2302.13971, figure 1 of 1706.03762).
 */
import { PAGE_TOKENS } from '../cache/geometry.ts';
import type { Sequence } from '../cache/pages.ts';
import { EngineError } from '../base/errors.ts';
import type { Manifest, ModelConfig } from '../formats/manifest.ts';
import type { KernelExports } from '../kernels/wasm/module.ts';
import { Ops } from '../ops/ops.ts';
import type { Rows } from '../ops/ops.ts';
import { fillRopeTable, ropeFrequencies } from '../ops/rope.ts';
import type { WeightRef } from '../ops/weights.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES, rowStride } from './plan.ts';
import type { MemoryPlan, RegionName } from './plan.ts';

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

/** One token of a batch: its place in its sequence and where that one's pages are listed. */
interface BatchRow {
  readonly position: number;
  readonly page: number;
  readonly pageTable: number;
}

interface LayerWeights {
  attnNorm: WeightRef;
  qProj: WeightRef;
  kProj: WeightRef;
  vProj: WeightRef;
  oProj: WeightRef;
  ffnNorm: WeightRef;
  gateProj: WeightRef;
  upProj: WeightRef;
  downProj: WeightRef;
  qBias?: WeightRef;
  kBias?: WeightRef;
  vBias?: WeightRef;
  oBias?: WeightRef;
  gateBias?: WeightRef;
  upBias?: WeightRef;
  downBias?: WeightRef;
}

/** `x`: the rows a product of this weight reads, [nTok, stride] f32, a view that lasts for the call. */
export type InputObserver = (tensor: string, x: Float32Array, nTok: number, stride: number) => void;

export class Decoder {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #ops: Ops;
  readonly #weights: ReadonlyMap<string, WeightRef>;
  readonly #layers: readonly LayerWeights[];
  readonly #tokEmbd: WeightRef;
  readonly #outputNorm: WeightRef;
  readonly #head: WeightRef;
  readonly #rope: ReturnType<typeof ropeFrequencies>;
  readonly #ropeTable: Float32Array;
  readonly #normed: Rows;
  readonly #attended: Rows;
  readonly #up: Rows;

  constructor(
    manifest: Manifest,
    plan: MemoryPlan,
    weights: ReadonlyMap<string, WeightRef>,
    kernels: KernelExports,
    memory: WebAssembly.Memory,
  ) {
    const c = manifest.config;
    this.config = c;
    this.plan = plan;
    this.#memory = memory;
    this.#kernels = kernels;
    this.#ops = new Ops(kernels);
    this.#weights = weights;
    this.#layers = Array.from({ length: c.nLayer }, (_, i) => layerWeights(weights, i));
    this.#tokEmbd = weights.get('tokEmbd')!;
    this.#outputNorm = weights.get('outputNorm')!;
    this.#head = c.tiedHead ? this.#tokEmbd : weights.get('head')!;
    this.#rope = ropeFrequencies(c.ropeDim, c.ropeTheta, c.ropeScaling);
    const at = (name: RegionName) => plan.regions[name].address;
    this.#ropeTable = new Float32Array(memory.buffer, at('ropeTable'), CHUNK_TOKENS * c.ropeDim);
    const rows = (name: RegionName, panels: RegionName, width: number): Rows => ({
      address: at(name),
      stride: rowStride(width),
      panels: at(panels),
    });
    this.#normed = rows('normed', 'normedPanels', c.nEmbd);
    this.#attended = rows('attended', 'attendedPanels', c.nHead * c.headDim);
    this.#up = rows('up', 'upPanels', c.nFf);
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
    const sum = this.#kernels.sumExp(this.#logitsAddress(row), this.config.nVocab, top);
    return top + Math.log(sum);
  }

  /**
   * One pass: evaluates the tokens of every part behind what its sequence holds and appends them.
   * Rows of one sequence see each other causally, rows of different ones not at all, so that what a
   * part gets does not depend on its mates.
   * @throws {EngineError} E_REQUEST_INVALID for an id outside the vocabulary, before anything is
   *   appended.
   */
  forward(parts: readonly BatchPart[], visit?: VisitLogits): void {
    const { config: c } = this;
    const { nEmbd } = c;
    const ops = this.#ops;
    const k = this.#kernels;
    const tokens = parts.flatMap((part) => part.tokens);
    const T = tokens.length;
    if (T === 0 || T > CHUNK_TOKENS)
      throw new EngineError('E_INTERNAL', `forward: ${T} tokens; expected 1 to ${CHUNK_TOKENS}`);
    const hidden = this.plan.regions.hidden.address;
    const gate = this.plan.regions.gate.address;
    const stride = rowStride(nEmbd);

    this.#embed(tokens, hidden, stride);
    const rows = this.#placeRows(parts);

    for (const [i, w] of this.#layers.entries()) {
      k.rmsNormRows(hidden, w.attnNorm.address, this.#normed.address, nEmbd, T, stride, c.normEps);
      this.#attention(w, i, rows);
      this.#clearPadding(this.#attended, c.nHead * c.headDim, T);
      ops.quantize(this.#attended, T, [w.oProj]);
      ops.matmul(w.oProj, this.#attended, T, hidden, stride, true);
      if (w.oBias) k.addBias(hidden, w.oBias.address, nEmbd, T, stride);

      k.rmsNormRows(hidden, w.ffnNorm.address, this.#normed.address, nEmbd, T, stride, c.normEps);
      ops.quantize(this.#normed, T, [w.gateProj, w.upProj]);
      const up = this.#up;
      ops.matmul(w.gateProj, this.#normed, T, gate, up.stride);
      ops.matmul(w.upProj, this.#normed, T, up.address, up.stride);
      if (w.gateBias) k.addBias(gate, w.gateBias.address, c.nFf, T, up.stride);
      if (w.upBias) k.addBias(up.address, w.upBias.address, c.nFf, T, up.stride);
      k.siluMul(gate, up.address, up.address, T * up.stride);
      this.#clearPadding(up, c.nFf, T);
      ops.quantize(up, T, [w.downProj]);
      ops.matmul(w.downProj, up, T, hidden, stride, true);
      if (w.downBias) k.addBias(hidden, w.downBias.address, nEmbd, T, stride);
    }
    for (const { sequence, tokens: appended } of parts) sequence.tokens.push(...appended);
    this.#visitLogits(parts, hidden, stride, visit);
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
      fillRopeTable(
        this.#ropeTable.subarray(nRow * this.config.ropeDim),
        this.#rope,
        start,
        tokens.length,
      );
      nRow += tokens.length;
      return tokens.map((_, i) => {
        const position = start + i;
        return { position, page: sequence.pages[Math.floor(position / PAGE_TOKENS)]!, pageTable };
      });
    });
  }

  /** Final norm and head for the rows that want logits, plan.logitRows at a time. */
  #visitLogits(
    parts: readonly BatchPart[],
    hidden: number,
    stride: number,
    visit: VisitLogits | undefined,
  ): void {
    let nRow = 0;
    const wanted = parts.flatMap(({ tokens, logitsFrom }, part) => {
      const first = nRow;
      nRow += tokens.length;
      return tokens.flatMap((_, index) =>
        index < logitsFrom ? [] : [{ part, index, address: hidden + (first + index) * stride * 4 }],
      );
    });
    const { logitRows } = this.plan;
    for (let start = 0; start < wanted.length; start += logitRows) {
      const rows = wanted.slice(start, start + logitRows);
      this.#project(rows.map(({ address }) => address));
      for (const [row, { part, index }] of rows.entries()) visit?.(part, index, row);
    }
  }

  /** hidden[t] = embedding of tokens[t], [T, C]. */
  #embed(tokens: readonly number[], hidden: number, stride: number): void {
    const { nVocab } = this.config;
    for (const [t, token] of tokens.entries()) {
      if (!Number.isInteger(token) || token < 0 || token >= nVocab) {
        throw new EngineError(
          'E_REQUEST_INVALID',
          `tokens: id ${token} is not in the vocabulary; expected 0 to ${nVocab - 1}`,
          { details: { token, nVocab }, param: 'prompt' },
        );
      }
      this.#ops.row(this.#tokEmbd, token, hidden + t * stride * 4);
    }
  }

  /** Queries, keys and values of T tokens; keys and values into the cache; attended = softmax(q k) v. */
  #attention(w: LayerWeights, layer: number, rows: readonly BatchRow[]): void {
    const { config: c, plan } = this;
    const k = this.#kernels;
    const ops = this.#ops;
    const { kv } = plan;
    const T = rows.length;
    const queries = plan.regions.queries.address;
    const keys = plan.regions.keys.address;
    const values = plan.regions.values.address;
    const qStride = this.#attended.stride;
    const kvStride = rowStride(c.nKvHead * c.headDim);

    ops.quantize(this.#normed, T, [w.qProj, w.kProj, w.vProj]);
    ops.matmul(w.qProj, this.#normed, T, queries, qStride);
    ops.matmul(w.kProj, this.#normed, T, keys, kvStride);
    ops.matmul(w.vProj, this.#normed, T, values, kvStride);
    if (w.qBias) k.addBias(queries, w.qBias.address, c.nHead * c.headDim, T, qStride);
    if (w.kBias) k.addBias(keys, w.kBias.address, c.nKvHead * c.headDim, T, kvStride);
    if (w.vBias) k.addBias(values, w.vBias.address, c.nKvHead * c.headDim, T, kvStride);

    const rotate = c.ropePairing === 'adjacent' ? k.ropeAdjacent : k.ropeHalf;
    const angles = plan.regions.ropeTable.address;
    rotate(queries, angles, c.nHead, c.headDim, c.ropeDim, T, qStride);
    rotate(keys, angles, c.nKvHead, c.headDim, c.ropeDim, T, kvStride);

    const write = kv.dtype === 'q8' ? k.kvWriteQ8 : k.kvWriteF16;
    const attend = kv.dtype === 'q8' ? k.attendQ8 : k.attendF16;
    const layerOffset = this.#layerOffset(layer);
    const scale = 1 / Math.sqrt(c.headDim);
    for (const [t, { position, page, pageTable }] of rows.entries()) {
      const kvRow = t * kvStride * 4;
      const qRow = t * qStride * 4;
      write(
        keys + kvRow,
        values + kvRow,
        this.#pageAddress(page) + layerOffset,
        position % PAGE_TOKENS,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        kv.sectionBytes,
      );
      attend(
        queries + qRow,
        this.#attended.address + qRow,
        plan.regions.attendScratch.address,
        c.nHead,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        pageTable,
        layerOffset,
        kv.sectionBytes,
        position + 1,
        scale,
        0,
        0,
      );
    }
  }

  /** Zeros behind the last value of each row: another phase has written there. */
  #clearPadding({ address, stride }: Rows, width: number, T: number): void {
    if (width === stride) return;
    const rows = new Float32Array(this.#memory.buffer, address, T * stride);
    for (let t = 0; t < T; t++) rows.fill(0, t * stride + width, (t + 1) * stride);
  }

  /** Final norm and head of the rows at `addresses` (at most plan.logitRows) into the logits region. */
  #project(addresses: readonly number[]): void {
    const { config: c } = this;
    const { address, stride } = this.#normed;
    const norm = this.#outputNorm.address;
    for (const [row, from] of addresses.entries()) {
      const to = address + row * stride * 4;
      this.#kernels.rmsNormRows(from, norm, to, c.nEmbd, 1, stride, c.normEps);
    }
    const n = addresses.length;
    this.#ops.quantize(this.#normed, n, [this.#head]);
    const logits = this.plan.regions.logits.address;
    this.#ops.matmul(this.#head, this.#normed, n, logits, rowStride(c.nVocab));
  }

  /** Shows `observer` the input of every product from now on; null ends it. */
  observeInputs(observer: InputObserver | null): void {
    const names = new Map([...this.#weights].map(([name, w]) => [w, name]));
    this.#ops.observer =
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
      const start = this.#pageAddress(from) + this.#layerOffset(layer);
      const target = this.#pageAddress(to) + this.#layerOffset(layer);
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

  /** Pages of one layer follow each other, so that attention reads them as one stream. */
  #layerOffset(layer: number): number {
    return layer * this.plan.nPage * this.plan.kv.layerBytes;
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

function layerWeights(weights: ReadonlyMap<string, WeightRef>, layer: number): LayerWeights {
  const prefix = `layers.${layer}.`;
  const own = [...weights].filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(
    own.map(([name, w]) => [name.slice(prefix.length), w]),
  ) as unknown as LayerWeights;
}
