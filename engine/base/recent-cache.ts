/** A cache bounded by number and size of its entries: the least recently used goes first. */

export interface RecentCacheBounds<V> {
  /** Infinity by default. */
  readonly maxEntries?: number;
  /** Size of all entries together, in the unit of `sizeOf`; Infinity by default. */
  readonly maxSize?: number;
  /** 0 by default. */
  readonly sizeOf?: (value: V) => number;
  /** Called with each entry that is evicted, not with those that are deleted or replaced. */
  readonly onEvict?: (value: V) => void;
}

export class RecentCache<K, V> {
  readonly #maxEntries: number;
  readonly #maxSize: number;
  readonly #sizeOf: (value: V) => number;
  readonly #onEvict: (value: V) => void;
  /** In order of last use. */
  readonly #entries = new Map<K, V>();
  #size = 0;

  constructor(bounds: RecentCacheBounds<V> = {}) {
    const { maxEntries = Infinity, maxSize = Infinity } = bounds;
    this.#maxEntries = maxEntries;
    this.#maxSize = maxSize;
    this.#sizeOf = bounds.sizeOf ?? (() => 0);
    this.#onEvict = bounds.onEvict ?? (() => {});
  }

  /** Sizes of all entries together. */
  get size(): number {
    return this.#size;
  }

  /** Counts as a use. */
  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  /** Puts a value in; others go until it fits. The newest stays, even where it alone is too large. */
  set(key: K, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#size += this.#sizeOf(value);
    for (const [oldest, old] of this.#entries) {
      if (this.#fits() || oldest === key) return;
      this.delete(oldest);
      this.#onEvict(old);
    }
  }

  delete(key: K): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#size -= this.#sizeOf(value);
  }

  #fits(): boolean {
    return this.#entries.size <= this.#maxEntries && this.#size <= this.#maxSize;
  }
}
