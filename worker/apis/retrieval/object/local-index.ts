/**
 * Vectors as int8 in memory; every search reads all of them: 10,000 of 384 values are 3.8 MB and
 * take some milliseconds. Exact except for the rounding.
 */
import { roundVector } from './vector-index.ts';
import type {
  IsAllowed,
  RoundedVector,
  VectorHit,
  VectorIndex,
  VectorRow,
} from './vector-index.ts';

const FIRST_CAPACITY = 256;
/** Less than 2, since a large collection is in memory twice while it is moved. */
const GROWTH = 1.5;
/** Approximate size of a row in the map of chunks. */
const MAP_ROW_BYTES = 40;

export class LocalIndex implements VectorIndex {
  readonly #nEmbd: number;
  #n = 0;
  #values: Int8Array;
  #scales: Float32Array;
  #chunks: Float64Array;
  #documents: Float64Array;
  readonly #rowOf = new Map<number, number>();

  /** @param nChunk number of chunks to make room for */
  constructor(nEmbd: number, nChunk = 0) {
    const capacity = Math.max(nChunk, FIRST_CAPACITY);
    this.#nEmbd = nEmbd;
    this.#values = new Int8Array(capacity * nEmbd);
    this.#scales = new Float32Array(capacity);
    this.#chunks = new Float64Array(capacity);
    this.#documents = new Float64Array(capacity);
  }

  /** Approximate bytes of memory. */
  get bytes(): number {
    const perRow = this.#nEmbd + 4 + 8 + 8;
    return this.#scales.length * perRow + this.#n * MAP_ROW_BYTES;
  }

  get size(): number {
    return this.#n;
  }

  /** Adds a vector in its stored form. */
  put(chunk: number, document: number, { values, scale }: RoundedVector): void {
    const row = this.#rowOf.get(chunk) ?? this.#n;
    if (row === this.#n) this.#grow();
    this.#rowOf.set(chunk, row);
    this.#values.set(values.subarray(0, this.#nEmbd), row * this.#nEmbd);
    this.#scales[row] = scale;
    this.#chunks[row] = chunk;
    this.#documents[row] = document;
  }

  add(rows: readonly VectorRow[]): Promise<void> {
    for (const { chunk, document, vector } of rows) this.put(chunk, document, roundVector(vector));
    return Promise.resolve();
  }

  /** Removes rows; the last row takes a removed one's place. */
  remove(chunks: readonly number[]): Promise<void> {
    for (const chunk of chunks) {
      const row = this.#rowOf.get(chunk);
      if (row === undefined) continue;
      const last = --this.#n;
      this.#rowOf.delete(chunk);
      if (row === last) continue;
      const { [last]: moved = 0 } = this.#chunks;
      this.#values.copyWithin(row * this.#nEmbd, last * this.#nEmbd, (last + 1) * this.#nEmbd);
      this.#scales[row] = this.#scales[last]!;
      this.#documents[row] = this.#documents[last]!;
      this.#chunks[row] = moved;
      this.#rowOf.set(moved, row);
    }
    return Promise.resolve();
  }

  search(query: Float32Array, k: number, isAllowed: IsAllowed): Promise<VectorHit[]> {
    const nEmbd = this.#nEmbd;
    const values = this.#values;
    const top = new TopScores(k);
    const { steps, scale } = roundQuery(query);
    for (let row = 0; row < this.#n; row++) {
      if (!isAllowed(this.#documents[row]!)) continue;
      const score = dotRow(values, row * nEmbd, steps, nEmbd) * scale * this.#scales[row]!;
      top.offer(this.#chunks[row]!, score);
    }
    return Promise.resolve(top.hits());
  }

  #grow(): void {
    this.#n++;
    const capacity = this.#scales.length;
    if (this.#n <= capacity) return;
    const grown = <A extends Int8Array | Float32Array | Float64Array>(to: A, from: A): A => {
      to.set(from);
      return to;
    };
    const more = Math.ceil(capacity * GROWTH);
    this.#values = grown(new Int8Array(more * this.#nEmbd), this.#values);
    this.#scales = grown(new Float32Array(more), this.#scales);
    this.#chunks = grown(new Float64Array(more), this.#chunks);
    this.#documents = grown(new Float64Array(more), this.#documents);
  }
}

/** Integers multiply twice as fast, and this many steps lose nothing compared to int8 vectors. */
const QUERY_STEPS = 2047;

function roundQuery(query: Float32Array): { steps: Int32Array; scale: number } {
  let largest = 1e-30;
  for (const value of query) largest = Math.max(largest, Math.abs(value));
  const scale = largest / QUERY_STEPS;
  return { steps: Int32Array.from(query, (value) => Math.round(value / scale)), scale };
}

/** Sums stay below 2^31 up to 8,000 values. Four sums, so that additions do not wait for each other. */
function dotRow(values: Int8Array, from: number, query: Int32Array, n: number): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const at = from + i;
    a = (a + Math.imul(values[at]!, query[i]!)) | 0;
    b = (b + Math.imul(values[at + 1]!, query[i + 1]!)) | 0;
    c = (c + Math.imul(values[at + 2]!, query[i + 2]!)) | 0;
    d = (d + Math.imul(values[at + 3]!, query[i + 3]!)) | 0;
  }
  for (; i < n; i++) a = (a + Math.imul(values[from + i]!, query[i]!)) | 0;
  return a + b + (c + d);
}

/** The k largest of many scores, sorted. */
class TopScores {
  readonly #k: number;
  readonly #hits: VectorHit[] = [];

  constructor(k: number) {
    this.#k = k;
  }

  offer(chunk: number, score: number): void {
    const hits = this.#hits;
    const isFull = hits.length >= this.#k;
    const least = hits[hits.length - 1];
    if (isFull && least !== undefined && score <= least.score) return;
    let at = hits.length;
    while (at > 0 && hits[at - 1]!.score < score) at--;
    hits.splice(at, 0, { chunk, score });
    if (isFull) hits.pop();
  }

  hits(): VectorHit[] {
    return this.#hits;
  }
}
