/**
 * Makes a picture smaller while its rows arrive: each new pixel is the mean of the area it stands for, so
 * that only the small picture is ever held.
 */
import type { Picture, Size } from './picture.ts';

/** Where source pixel `i` goes: into cell `cell[i]` by `here[i]`, the rest into the next one. */
interface Shares {
  readonly cell: Int32Array;
  readonly here: Float32Array;
  readonly next: Float32Array;
}

export class RowScaler {
  readonly #from: Size;
  readonly #to: Size;
  readonly #rgb: Uint8Array;
  readonly #isCopy: boolean;
  readonly #across: Shares;
  readonly #down: Shares;
  /** One row of the result, before it is complete. */
  readonly #sum: Float32Array;
  readonly #line: Float32Array;
  #y = 0;
  #done = 0;

  /**
   * @param to at most `from` in both directions
   * @param extent of the picture in pixels of `from`, whose last ones may lie partly beyond it
   */
  constructor(from: Size, to: Size, extent: Size = from) {
    this.#from = from;
    this.#to = to;
    this.#rgb = new Uint8Array(3 * to.width * to.height);
    this.#isCopy = from.width === to.width && from.height === to.height;
    this.#across = sharesOf(this.#isCopy ? 0 : from.width, to.width, extent.width);
    this.#down = sharesOf(this.#isCopy ? 0 : from.height, to.height, extent.height);
    this.#sum = new Float32Array(3 * to.width);
    // The last pixel's share of the next cell, which is 0, needs a place.
    this.#line = new Float32Array(3 * to.width + 3);
  }

  get isFull(): boolean {
    return this.#y >= this.#from.height;
  }

  /** @param row red, green, blue, [width, 3]; rows after the last are ignored */
  push(row: Uint8Array | Uint8ClampedArray): void {
    if (this.isFull) return;
    if (this.#isCopy)
      this.#rgb.set(row.subarray(0, 3 * this.#from.width), 3 * this.#from.width * this.#y);
    else this.#add(row);
    this.#y++;
  }

  /** All of it, once every row was pushed. */
  finish(): Picture {
    return { ...this.#to, rgb: this.#rgb };
  }

  #add(row: Uint8Array | Uint8ClampedArray): void {
    const line = this.#line;
    const sum = this.#sum;
    const { cell, here, next } = this.#across;
    line.fill(0);
    for (let x = 0, at = 0; x < cell.length; x++, at += 3) {
      const to = 3 * cell[x]!;
      const r = row[at]!;
      const g = row[at + 1]!;
      const b = row[at + 2]!;
      const share = here[x]!;
      line[to] = line[to]! + share * r;
      line[to + 1] = line[to + 1]! + share * g;
      line[to + 2] = line[to + 2]! + share * b;
      const rest = next[x]!;
      if (rest === 0) continue;
      line[to + 3] = line[to + 3]! + rest * r;
      line[to + 4] = line[to + 4]! + rest * g;
      line[to + 5] = line[to + 5]! + rest * b;
    }
    const y = this.#y;
    const share = this.#down.here[y]!;
    for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + share * line[i]!;
    const isLast = y + 1 === this.#from.height;
    const target = this.#down.cell[y]!;
    if (!isLast && this.#down.cell[y + 1] === target && this.#down.next[y] === 0) return;
    const rest = this.#down.next[y]!;
    const at = 3 * this.#to.width * this.#done++;
    for (let i = 0; i < sum.length; i++) {
      this.#rgb[at + i] = Math.min(255, Math.floor(sum[i]! + 0.5));
      sum[i] = rest * line[i]!;
    }
  }
}

function sharesOf(from: number, to: number, extent: number): Shares {
  const cell = new Int32Array(from);
  const here = new Float32Array(from);
  const next = new Float32Array(from);
  for (let i = 0; i < from; i++) {
    // Multiplied before they are divided, so that an edge between cells is one exactly.
    const start = Math.min(to - 1, Math.floor((i * to) / extent));
    const end = Math.min(extent, i + 1) * to;
    const isWithin = end <= (start + 1) * extent;
    const share = (end - i * to) / extent;
    cell[i] = start;
    here[i] = isWithin ? share : start + 1 - (i * to) / extent;
    next[i] = isWithin ? 0 : share - here[i]!;
  }
  return { cell, here, next };
}
