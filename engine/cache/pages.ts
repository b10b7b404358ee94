/** The pool of key/value pages, and sequences that hold some of them. Knows no attention. */
import { PAGE_TOKENS, pagesFor } from './geometry.ts';
import { PLAIN_ROOT } from './prefix-key.ts';
import type { ItemKey, PrefixKey, PrefixRoot } from './prefix-key.ts';

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

/** Takes the place of a page that was given back, in a sequence's list of pages. */
export const RELEASED_PAGE = -1;

/**
 * Positions whose keys and values are in memory, in order, and the pages that hold them.
 * `items.length` is the number of cached positions.
 */
export class Sequence implements PrefixKey {
  readonly root: PrefixRoot;
  readonly items: ItemKey[] = [];
  /** By position; pages before `firstPosition` are RELEASED_PAGE. */
  readonly pages: number[] = [];
  readonly #pool: PagePool;
  #nReleased = 0;

  constructor(pool: PagePool, root: PrefixRoot = PLAIN_ROOT) {
    this.#pool = pool;
    this.root = root;
  }

  /** Positions before this one are no longer in memory. */
  get firstPosition(): number {
    return this.#nReleased * PAGE_TOKENS;
  }

  /** Pages it holds. */
  get nHeld(): number {
    return this.pages.length - this.#nReleased;
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

  /** Gives back the pages that lie wholly before `position`: no layer looks back that far any more. */
  releaseBefore(position: number): void {
    const end = Math.min(Math.floor(position / PAGE_TOKENS), this.pages.length);
    for (; this.#nReleased < end; this.#nReleased++) {
      this.#pool.give([this.pages[this.#nReleased]!]);
      this.pages[this.#nReleased] = RELEASED_PAGE;
    }
  }

  /** Forgets everything from position `length` on; all of it when its beginning is gone by then. */
  truncate(length: number): void {
    const kept = length < this.firstPosition ? 0 : length;
    this.items.length = Math.min(this.items.length, kept);
    const nPage = pagesFor(this.items.length);
    this.#pool.give(this.pages.splice(nPage).slice(Math.max(0, this.#nReleased - nPage)));
    this.#nReleased = Math.min(this.#nReleased, nPage);
  }
}
