/**
 * Attention of many rows over pages: the queries of one head at a time, all of which go through a page
 * while it is in the first cache (PagedKeys.attendTogether).
 */
import type { KeptKeys } from './layers.ts';
import type { PagedKeys } from './paged-keys.ts';

export interface HeadRoom {
  readonly nHead: number;
  readonly headDim: number;
  /** Room for 2 nRow headDim values and the attention's scratch of nRow queries. */
  readonly address: number;
  readonly nRow: number;
}

export class HeadByHead implements KeptKeys {
  readonly #keys: PagedKeys;
  readonly #memory: WebAssembly.Memory;
  readonly #room: HeadRoom;

  constructor(keys: PagedKeys, memory: WebAssembly.Memory, room: HeadRoom) {
    this.#keys = keys;
    this.#memory = memory;
    this.#room = room;
  }

  write(from: number, n: number, keys: number, values: number, stride: number): void {
    this.#keys.write(0, from, n, keys, values, stride);
  }

  attend(queries: number, out: number, n: number, stride: number): void {
    const { nHead, headDim: D, address, nRow } = this.#room;
    const floats = new Float32Array(this.#memory.buffer);
    const [from, to] = [queries / 4, out / 4];
    const attended = address + nRow * D * 4;
    const scratch = attended + nRow * D * 4;
    for (let h = 0; h < nHead; h++) {
      for (let t = 0; t < n; t++) {
        const at = from + t * stride + h * D;
        floats.copyWithin(address / 4 + t * D, at, at + D);
      }
      this.#keys.attendTogether(0, h, address, attended, n, scratch);
      for (let t = 0; t < n; t++) {
        const at = attended / 4 + t * D;
        floats.copyWithin(to + t * stride + h * D, at, at + D);
      }
    }
  }
}
