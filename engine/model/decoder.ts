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
import { Ops, TILE_TOKENS } from '../ops/ops.ts';
import type { Rows } from '../ops/ops.ts';
import { fillRopeTable, ropeFrequencies } from '../ops/rope.ts';
import type { WeightRef } from '../ops/weights.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES, rowStride } from './plan.ts';
import type { MemoryPlan, RegionName } from './plan.ts';

/** Which positions of a chunk need logits. */
export type LogitsWanted = 'none' | 'last' | 'all';

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

export class Decoder {
  readonly config: ModelConfig;
  readonly plan: MemoryPlan;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #ops: Ops;
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
   * Evaluates `tokens` (at most CHUNK_TOKENS) behind what `sequence` holds, and appends them to it.
   * Pages must have been reserved. `table` is the sequence's slot among MAX_SEQUENCES page tables.
   * `visit(i, row)` is called for every wanted token i while its logits stand in `row`.
   * @throws {EngineError} E_REQUEST_INVALID for an id outside the vocabulary.
   */
  forward(
    tokens: readonly number[],
    sequence: Sequence,
    table: number,
    wanted: LogitsWanted,
    visit?: (index: number, row: number) => void,
  ): void {
    const { config: c } = this;
    const { nEmbd } = c;
    const ops = this.#ops;
    const k = this.#kernels;
    const T = tokens.length;
    const hidden = this.plan.regions.hidden.address;
    const gate = this.plan.regions.gate.address;
    const stride = rowStride(nEmbd);
    const position = sequence.tokens.length;
    // A write to a page that is not there would go anywhere in memory.
    if (sequence.pagesMissing(position + T) > 0)
      throw new EngineError('E_INTERNAL', `forward: no pages for ${position + T} tokens`);

    this.#embed(tokens, hidden, stride);
    fillRopeTable(this.#ropeTable, this.#rope, position, T);
    const pageTable = this.#writePageTable(sequence, table);

    for (const [i, w] of this.#layers.entries()) {
      k.rmsNormRows(hidden, w.attnNorm.address, this.#normed.address, nEmbd, T, stride, c.normEps);
      this.#attention(w, i, T, position, pageTable, sequence);
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
    for (const token of tokens) sequence.tokens.push(token);

    if (wanted === 'last') {
      this.#project(hidden + (T - 1) * stride * 4, 1);
      visit?.(T - 1, 0);
    }
    if (wanted !== 'all') return;
    for (let start = 0; start < T; start += TILE_TOKENS) {
      const n = Math.min(TILE_TOKENS, T - start);
      this.#project(hidden + start * stride * 4, n);
      for (let row = 0; row < n; row++) visit?.(start + row, row);
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
  #attention(
    w: LayerWeights,
    layer: number,
    T: number,
    position: number,
    pageTable: number,
    sequence: Sequence,
  ): void {
    const { config: c, plan } = this;
    const k = this.#kernels;
    const ops = this.#ops;
    const { kv } = plan;
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
    const layerOffset = layer * kv.layerBytes;
    const scale = 1 / Math.sqrt(c.headDim);
    for (let t = 0; t < T; t++) {
      const at = position + t;
      const page = sequence.pages[Math.floor(at / PAGE_TOKENS)]!;
      const section = this.#pageAddress(page) + layerOffset;
      const row = t * kvStride * 4;
      write(
        keys + row,
        values + row,
        section,
        at % PAGE_TOKENS,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        kv.sectionBytes,
      );
      attend(
        queries + t * qStride * 4,
        this.#attended.address + t * qStride * 4,
        c.nHead,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        pageTable,
        layerOffset,
        kv.sectionBytes,
        at + 1,
        scale,
      );
    }
  }

  /** Zeros behind the last value of each row: another phase has written there. */
  #clearPadding({ address, stride }: Rows, width: number, T: number): void {
    if (width === stride) return;
    const rows = new Float32Array(this.#memory.buffer, address, T * stride);
    for (let t = 0; t < T; t++) rows.fill(0, t * stride + width, (t + 1) * stride);
  }

  /** Final norm and head of `n` rows (1 to 4) from `hidden` into the logits region. */
  #project(hidden: number, n: number): void {
    const { config: c } = this;
    const stride = rowStride(c.nEmbd);
    this.#kernels.rmsNormRows(
      hidden,
      this.#outputNorm.address,
      this.#normed.address,
      c.nEmbd,
      n,
      stride,
      c.normEps,
    );
    this.#ops.quantize(this.#normed, n, [this.#head]);
    this.#ops.matmul(
      this.#head,
      this.#normed,
      n,
      this.plan.regions.logits.address,
      rowStride(c.nVocab),
    );
  }

  /** Copies all keys and values of a page. */
  copyPage(from: number, to: number): void {
    const start = this.#pageAddress(from);
    const { pageBytes } = this.plan.kv;
    new Uint8Array(this.#memory.buffer).copyWithin(this.#pageAddress(to), start, start + pageBytes);
  }

  #logitsAddress(row: number): number {
    return this.plan.regions.logits.address + row * rowStride(this.config.nVocab) * 4;
  }

  #pageAddress(page: number): number {
    return this.plan.regions.kvPages.address + page * this.plan.kv.pageBytes;
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
