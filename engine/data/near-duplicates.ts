/**
 * Which texts of a stream repeat an earlier one almost word for word: MinHash signatures that meet in one of some
 * bands (locality-sensitive hashing, Indyk and Motwani 1998) are compared: by their shingles while they are short, by their
 * signatures when they are long. Keeps about 1.5 kB a text that is no duplicate, and nothing of its words.
 */
import { bandRowsFor, estimateJaccard, N_HASH, signatureOf } from './min-hash.ts';
import { RowPool } from './row-pool.ts';
import { mix, sortedJaccard } from './shingles.ts';

/** Earlier texts compared in a band at most: a band that a million texts share must not stop the stream. */
const MAX_COMPARED = 64;
/** Shingles of a text that are kept to compare it exactly: as many bytes as two signatures take. */
const MAX_KEPT_SHINGLES = 128;
const FIRST_SLOTS = 1024;

export interface NearMatch {
  /** The earlier text's number, as it was added. */
  readonly of: number;
  /** Jaccard similarity of their shingles; estimated if one of them is long. */
  readonly similarity: number;
}

export class NearDuplicates {
  readonly #threshold: number;
  readonly #bands: readonly BandIndex[];
  readonly #bandRows: number;
  readonly #signatures = new RowPool<Uint16Array>((length) => new Uint16Array(length));
  /** Shingles of each text in ascending order; none for a long one. */
  readonly #shingles = new RowPool<Uint32Array>((length) => new Uint32Array(length));
  /** The caller's number of each text. */
  readonly #numbers: number[] = [];

  /** @param threshold similarity from which two texts are near duplicates, above 0, at most 1 */
  constructor(threshold: number) {
    this.#threshold = threshold;
    this.#bandRows = bandRowsFor(threshold);
    this.#bands = Array.from({ length: N_HASH / this.#bandRows }, () => new BandIndex());
  }

  /** Number of texts that are kept. */
  get size(): number {
    return this.#signatures.size;
  }

  /**
   * The most similar earlier text, if it reaches the threshold; otherwise the text is kept for later ones.
   * @param number what `NearMatch.of` calls the text
   * @param shingles an empty set matches nothing and is not kept
   */
  add(shingles: Uint32Array, number: number): NearMatch | null {
    if (shingles.length === 0) return null;
    const signature = signatureOf(shingles);
    const keys = this.#bands.map((_, band) => this.#keyOf(signature, band));
    const sorted = shingles.length <= MAX_KEPT_SHINGLES ? shingles.toSorted() : new Uint32Array(0);
    const match = this.#bestOf(signature, sorted, keys);
    if (match !== null) return match;
    const at = this.size;
    this.#signatures.add(signature);
    this.#shingles.add(sorted);
    this.#numbers.push(number);
    for (const [band, key] of keys.entries()) this.#bands[band]!.add(key, at);
    return null;
  }

  #bestOf(signature: Uint16Array, sorted: Uint32Array, keys: readonly number[]): NearMatch | null {
    const seen = new Set<number>();
    let best: NearMatch | null = null;
    for (const [band, key] of keys.entries())
      for (const at of this.#bands[band]!.get(key, MAX_COMPARED)) {
        if (seen.has(at)) continue;
        seen.add(at);
        const other = this.#shingles.at(at);
        const similarity =
          sorted.length > 0 && other.length > 0
            ? sortedJaccard(sorted, other)
            : estimateJaccard(signature, this.#signatures.at(at));
        if (similarity >= this.#threshold && similarity > (best?.similarity ?? 0))
          best = { of: this.#numbers[at]!, similarity };
      }
    return best;
  }

  #keyOf(signature: Uint16Array, band: number): number {
    let hash = band;
    for (let i = band * this.#bandRows; i < (band + 1) * this.#bandRows; i++)
      hash = mix(Math.imul(hash, 31) ^ signature[i]!);
    return hash >>> 0;
  }
}

/** Keys to several values each: open addressing, 8 bytes a slot, where a Map would take ten times as much. */
class BandIndex {
  #keys = new Uint32Array(FIRST_SLOTS);
  /** Values plus one; 0 is a free slot. */
  #values = new Uint32Array(FIRST_SLOTS);
  #n = 0;

  add(key: number, value: number): void {
    if (2 * (this.#n + 1) > this.#keys.length) this.#grow();
    this.#put(key, value + 1);
    this.#n++;
  }

  /** Values of a key, at most `limit`. */
  get(key: number, limit: number): number[] {
    const mask = this.#keys.length - 1;
    const found: number[] = [];
    for (let at = key & mask; this.#values[at] !== 0; at = (at + 1) & mask) {
      if (this.#keys[at] !== key) continue;
      found.push(this.#values[at]! - 1);
      if (found.length === limit) break;
    }
    return found;
  }

  #put(key: number, stored: number): void {
    const mask = this.#keys.length - 1;
    let at = key & mask;
    while (this.#values[at] !== 0) at = (at + 1) & mask;
    this.#keys[at] = key;
    this.#values[at] = stored;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#keys = new Uint32Array(2 * keys.length);
    this.#values = new Uint32Array(2 * keys.length);
    for (const [i, stored] of values.entries()) if (stored !== 0) this.#put(keys[i]!, stored);
  }
}
