/**
 * Keys and values of one sequence on its own pages: all layers, without grouped heads. Holds the text
 * a decoder has read, or the output of an audio encoder.
 */
import { PAGE_TOKENS } from '../../cache/geometry.ts';
import type { KvGeometry } from '../../cache/geometry.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import { f16ToF32 } from '../../quant/half.ts';

export interface PagedKeysOptions {
  readonly kernels: KernelExports;
  readonly memory: WebAssembly.Memory;
  readonly geometry: KvGeometry;
  readonly nHead: number;
  readonly headDim: number;
  readonly nPage: number;
  /** Addresses of nPage pages of every layer, of nPage u32, and of the attention's scratch. */
  readonly pages: number;
  readonly table: number;
  readonly scratch: number;
}

export class PagedKeys {
  /** Positions that are attended to. */
  length = 0;
  readonly #o: PagedKeysOptions;
  readonly #layerBytes: number;
  readonly #scale: number;

  constructor(options: PagedKeysOptions) {
    this.#o = options;
    this.#layerBytes = options.nPage * options.geometry.layerBytes;
    this.#scale = 1 / Math.sqrt(options.headDim);
  }

  /** Writes the page table anew, in order: another phase may have overwritten it. */
  fillTable(): void {
    const { memory, table, nPage, pages, geometry } = this.#o;
    const entries = new Uint32Array(memory.buffer, table, nPage);
    for (let page = 0; page < nPage; page++) entries[page] = pages + page * geometry.layerBytes;
  }

  /** Writes keys and values of T positions from `from` on, rows `stride` values apart. */
  write(
    layer: number,
    from: number,
    T: number,
    keys: number,
    values: number,
    stride: number,
  ): void {
    const { kernels: k, geometry, nHead, headDim } = this.#o;
    const write = geometry.dtype === 'q8' ? k.kvWriteQ8 : k.kvWriteF16;
    for (let t = 0; t < T; t++) {
      const at = from + t;
      const section = this.#section(layer, Math.floor(at / PAGE_TOKENS), 0);
      const slot = at % PAGE_TOKENS;
      const row = t * stride * 4;
      const { dimPad, sectionBytes } = geometry;
      write(keys + row, values + row, section, slot, nHead, headDim, dimPad, sectionBytes);
    }
  }

  /** out = softmax(q k) v of one query of all heads. */
  attend(layer: number, query: number, out: number): void {
    const { kernels: k, geometry, nHead, headDim, table, scratch } = this.#o;
    const attend = geometry.dtype === 'q8' ? k.attendQ8 : k.attendF16;
    attend(
      query,
      out,
      scratch,
      nHead,
      nHead,
      headDim,
      geometry.dimPad,
      table,
      layer * this.#layerBytes,
      geometry.sectionBytes,
      this.length,
      this.#scale,
      0,
      0,
    );
  }

  /**
   * out = softmax(q k) v of n queries of one head, [n, headDim] each: they share every page of keys
   * and values as query heads of one key/value head do.
   * @param scratch room for n queries (attendScratchBytes)
   */
  attendTogether(
    layer: number,
    head: number,
    queries: number,
    out: number,
    n: number,
    scratch: number,
  ): void {
    const { kernels: k, geometry, headDim, table } = this.#o;
    const attend = geometry.dtype === 'q8' ? k.attendQ8 : k.attendF16;
    const { dimPad, sectionBytes } = geometry;
    const offset = layer * this.#layerBytes + head * sectionBytes;
    const { length } = this;
    attend(
      queries,
      out,
      scratch,
      n,
      1,
      headDim,
      dimPad,
      table,
      offset,
      sectionBytes,
      length,
      this.#scale,
      0,
      0,
    );
  }

  /** Keys of one head of all positions, [length, headDim] f32. Layout: kv-write.ts. */
  keysOf(layer: number, head: number): Float32Array {
    const { memory, geometry, headDim } = this.#o;
    const { dimPad } = geometry;
    const out = new Float32Array(this.length * headDim);
    const bytes = new DataView(memory.buffer);
    const read = geometry.dtype === 'q8' ? keyQ8 : keyF16;
    for (let t = 0; t < this.length; t++) {
      const section = this.#section(layer, Math.floor(t / PAGE_TOKENS), head);
      const slot = t % PAGE_TOKENS;
      for (let d = 0; d < headDim; d++)
        out[t * headDim + d] = read(bytes, section, dimPad, slot, d);
    }
    return out;
  }

  #section(layer: number, page: number, head: number): number {
    const { pages, geometry } = this.#o;
    return (
      pages + layer * this.#layerBytes + page * geometry.layerBytes + head * geometry.sectionBytes
    );
  }
}

type ReadKey = (
  bytes: DataView,
  section: number,
  dimPad: number,
  slot: number,
  d: number,
) => number;

const keyQ8: ReadKey = (bytes, section, dimPad, slot, d) => {
  const four = section + (slot >> 2) * dimPad * 4;
  const q = bytes.getInt8(four + (d >> 2) * 16 + (slot & 3) * 4 + (d & 3));
  return q * bytes.getFloat32(section + PAGE_TOKENS * dimPad + slot * 4, true);
};

const keyF16: ReadKey = (bytes, section, dimPad, slot, d) => {
  const at = section + (slot >> 3) * dimPad * 16 + d * 16 + (slot & 7) * 2;
  return f16ToF32(bytes.getUint16(at, true));
};
