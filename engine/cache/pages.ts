/** The pool of key/value pages, and sequences that hold some of them. Knows no attention. */
import { pagesFor } from './geometry.ts';

export class PagePool {
  readonly #free: number[];
  readonly nPage: number;

  constructor(nPage: number) {
    this.nPage = nPage;
    this.#free = Array.from({ length: nPage }, (_, i) => nPage - 1 - i);
  }

  get nFree(): number {
    return this.#free.length;
  }

  /** A page's index, or null when none is free. */
  take(): number | null {
    return this.#free.pop() ?? null;
  }

  give(pages: readonly number[]): void {
    this.#free.push(...pages);
  }
}

/**
 * Tokens whose keys and values are in memory, in order, and the pages that hold them.
 * `tokens.length` is the number of cached positions.
 */
export class Sequence {
  readonly tokens: number[] = [];
  readonly pages: number[] = [];
  readonly #pool: PagePool;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  /** Pages still to be taken before `nTokens` fit. */
  pagesMissing(nTokens: number): number {
    return Math.max(0, pagesFor(nTokens) - this.pages.length);
  }

  /** Takes pages until `nTokens` fit; false (with what was taken kept) when the pool runs dry. */
  reserve(nTokens: number): boolean {
    while (this.pagesMissing(nTokens) > 0) {
      const page = this.#pool.take();
      if (page === null) return false;
      this.pages.push(page);
    }
    return true;
  }

  /** Forgets everything from position `length` on. */
  truncate(length: number): void {
    this.tokens.length = Math.min(this.tokens.length, length);
    this.#pool.give(this.pages.splice(pagesFor(this.tokens.length)));
  }

  commonPrefix(tokens: readonly number[]): number {
    const end = Math.min(tokens.length, this.tokens.length);
    let i = 0;
    while (i < end && tokens[i] === this.tokens[i]) i++;
    return i;
  }
}
