/**
 * Many short rows of numbers in few large arrays: an array of its own for each row would take several hundred bytes more.
 */

const CHUNK = 2 ** 20;

type Numbers = Uint16Array | Uint32Array;

export class RowPool<Row extends Numbers> {
  readonly #make: (length: number) => Row;
  readonly #chunks: Row[] = [];
  /** Place of each row's first number over all chunks. */
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];
  /** Numbers used of the last chunk. */
  #used = 0;

  /** @param make an array of zeros, such as `(length) => new Uint16Array(length)` */
  constructor(make: (length: number) => Row) {
    this.#make = make;
  }

  get size(): number {
    return this.#starts.length;
  }

  /** @param row at most 2^20 numbers, which are copied; its number is the size before */
  add(row: Row): void {
    // An empty first row, too, has a place.
    if (this.#chunks.length === 0 || this.#used + row.length > CHUNK) {
      this.#chunks.push(this.#make(CHUNK));
      this.#used = 0;
    }
    this.#chunks.at(-1).set(row, this.#used);
    this.#starts.push((this.#chunks.length - 1) * CHUNK + this.#used);
    this.#lengths.push(row.length);
    this.#used += row.length;
  }

  /** A view of a row. */
  at(number: number): Row {
    const start = this.#starts[number]!;
    const chunk = this.#chunks[Math.floor(start / CHUNK)]!;
    const from = start % CHUNK;
    return chunk.subarray(from, from + this.#lengths[number]!) as Row;
  }
}
