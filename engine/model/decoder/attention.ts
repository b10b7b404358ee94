/** The first half of a layer: queries, keys and values, positions, the cache, softmax(q k) v. */
import { PAGE_TOKENS } from '../../cache/geometry.ts';
import type { Rows } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import type { LayerWeights, NormRef } from '../memory/layer-weights.ts';
import { rowStride } from '../memory/layout.ts';
import { layerOffset } from './plan.ts';
import type { RotaryTables } from './rotary-tables.ts';
import type { Workspace } from './workspace.ts';

/** One row of a batch: its position, and the addresses of its page and its sequence's page table. */
export interface BatchRow {
  readonly position: number;
  /** Address of the first layer's part of its page. */
  readonly pageAddress: number;
  readonly pageTable: number;
}

export class Attention {
  readonly #space: Workspace;
  readonly #rotary: RotaryTables | null;
  readonly #queries: number;
  readonly #keys: number;
  readonly #values: number;
  readonly #attended: Rows;
  readonly #qWidth: number;
  readonly #kvWidth: number;
  readonly #kvStride: number;
  readonly #scale: number;

  /** @param rotary null for families whose positions are learned */
  constructor(space: Workspace, rotary: RotaryTables | null) {
    const c = space.config;
    this.#space = space;
    this.#rotary = rotary;
    this.#qWidth = c.nHead * c.headDim;
    this.#kvWidth = c.nKvHead * c.headDim;
    this.#queries = space.at('queries');
    this.#keys = space.at('keys');
    this.#values = space.at('values');
    this.#attended = space.rows('attended', 'attendedPanels', this.#qWidth);
    this.#kvStride = rowStride(this.#kvWidth);
    this.#scale = c.attentionScale ?? 1 / Math.sqrt(c.headDim);
  }

  /**
   * hidden += attention(normed); keys and values of all rows go into the cache.
   * @param kept rows that go on, in ascending order, moved together; null keeps all
   * @returns the number of rows that go on
   */
  run(
    w: LayerWeights,
    layer: number,
    rows: readonly BatchRow[],
    kept: readonly number[] | null,
  ): number {
    const space = this.#space;
    this.#project(w, rows.length);
    this.#rotary?.rotate(layer, this.#queries, this.#keys, rows.length, this.#attended.stride);
    this.#write(layer, rows);
    this.#attend(layer, rows, kept);
    const T = kept?.length ?? rows.length;
    if (kept !== null) space.keepRows(kept);
    if (T === 0) return 0;
    space.clearPadding(this.#attended, this.#qWidth, T);
    // The queries have been read: their place is scratch for what is added.
    space.leaveHalf(this.#attended, T, w.oProj, w.oBias, w.attnPostNorm, this.#queries);
    return T;
  }

  /** Queries, keys and values of T tokens, with their biases and norms. */
  #project(w: LayerWeights, T: number): void {
    const { normed, ops } = this.#space;
    const qStride = this.#attended.stride;
    const kvStride = this.#kvStride;
    ops.quantize(normed, T, w.qProj, w.kProj, w.vProj);
    ops.matmul(w.qProj, normed, T, this.#queries, qStride);
    ops.matmul(w.kProj, normed, T, this.#keys, kvStride);
    ops.matmul(w.vProj, normed, T, this.#values, kvStride);
    this.#addBias(this.#queries, w.qBias, T, qStride);
    this.#addBias(this.#keys, w.kBias, T, kvStride);
    this.#addBias(this.#values, w.vBias, T, kvStride);
    this.#normHeads(this.#queries, w.qNorm, this.#qWidth, T, qStride);
    this.#normHeads(this.#keys, w.kNorm, this.#kvWidth, T, kvStride);
  }

  #addBias(x: number, bias: WeightRef | null, T: number, stride: number): void {
    if (bias !== null) this.#space.kernels.addBias(x, bias.address, bias.nCol, T, stride);
  }

  /** A norm of a head's width runs over every head, one of the row's width over the row. */
  #normHeads(x: number, norm: NormRef | null, width: number, T: number, stride: number): void {
    if (norm === null) return;
    for (let t = 0; t < T; t++) {
      const row = x + t * stride * 4;
      this.#space.norm(norm, row, row, width / norm.n, norm.n);
    }
  }

  /** Writes the keys and values of every row into its page. */
  #write(layer: number, rows: readonly BatchRow[]): void {
    const { config: c, plan, kernels: k } = this.#space;
    const { kv } = plan;
    const write = kv.dtype === 'q8' ? k.kvWriteQ8 : k.kvWriteF16;
    const offset = layerOffset(plan, layer);
    for (let t = 0; t < rows.length; t++) {
      const { position, pageAddress } = rows[t]!;
      const kvRow = t * this.#kvStride * 4;
      write(
        this.#keys + kvRow,
        this.#values + kvRow,
        pageAddress + offset,
        position % PAGE_TOKENS,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        kv.sectionBytes,
      );
    }
  }

  /** attended[i] = softmax(q k) v of row kept[i]. */
  #attend(layer: number, rows: readonly BatchRow[], kept: readonly number[] | null): void {
    const { config: c, plan, kernels: k } = this.#space;
    const { kv } = plan;
    const attend = kv.dtype === 'q8' ? k.attendQ8 : k.attendF16;
    const scratch = plan.regions.attendScratch.address;
    const offset = layerOffset(plan, layer);
    const window = c.windows?.[layer] ?? 0;
    const softcap = c.attentionSoftcap ?? 0;
    const stride = this.#attended.stride * 4;
    const T = kept?.length ?? rows.length;
    for (let i = 0; i < T; i++) {
      const row = kept === null ? i : kept[i]!;
      const { position, pageTable } = rows[row]!;
      const n = position + 1;
      attend(
        this.#queries + row * stride,
        this.#attended.address + i * stride,
        scratch,
        c.nHead,
        c.nKvHead,
        c.headDim,
        kv.dimPad,
        pageTable,
        offset,
        kv.sectionBytes,
        n,
        this.#scale,
        window === 0 ? 0 : Math.max(0, n - window),
        softcap,
      );
    }
  }
}
