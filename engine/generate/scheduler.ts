/**
 * Who holds key/value pages: running generations and finished sequences kept for reuse of their
 * prefix. A generation starts when all pages it asks for can be promised to it; promises never
 * exceed the pages there are, so that what was promised is there when it is needed. Kept sequences
 * use the remaining pages and are dropped first. Knows no time and no model: nothing here waits.
 */
import { EngineError } from '../base/errors.ts';
import { PAGE_TOKENS, pagesFor } from '../cache/geometry.ts';
import { PagePool, Sequence } from '../cache/pages.ts';
import { commonPrefix } from '../cache/prefix-key.ts';
import type { PrefixKey, PrefixRoot } from '../cache/prefix-key.ts';
import type { DecoderLimits } from '../model/decoder/contract.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES } from '../model/decoder/plan.ts';

export interface Lease {
  readonly sequence: Sequence;
  /** Index of its page table. */
  readonly slot: number;
  /** Among running generations the smaller goes first. */
  readonly age: number;
}

/** The pages that a generation asks for. */
export interface Claim {
  /** What is known of its text: the root and the prompt's items. */
  readonly prompt: PrefixKey;
  /** Positions it needs pages for before it starts. */
  readonly nTokens: number;
  readonly age: number;
  /** Whether it may go on past `nTokens`; if so, its pages may be given to others. */
  readonly mayGrow: boolean;
}

/** Copies the keys and values of one page to another. */
export type CopyPage = (from: number, to: number) => void;

interface Kept {
  readonly sequence: Sequence;
  readonly slot: number;
}

interface Running extends Kept, Lease {
  nPromised: number;
  readonly mayGrow: boolean;
}

/** Limits that are missing are those of the decoder in WebAssembly. */
export interface SchedulerOptions
  extends Pick<DecoderLimits, 'nPage'>, Partial<Pick<DecoderLimits, 'maxRows' | 'maxSequences'>> {
  readonly copyPage: CopyPage;
  /** Positions that any layer looks back at most; null when one looks at all of them. */
  readonly window?: number | null;
}

export class Scheduler {
  readonly #pool: PagePool;
  readonly #window: number | null;
  readonly #maxRows: number;
  /** Free slots. */
  readonly #slots: number[];
  readonly #maxSequences: number;
  readonly #running = new Map<Lease, Running>();
  /** Oldest first. */
  #kept: Kept[] = [];
  #nPromised = 0;
  readonly #copyPage: CopyPage;

  constructor({
    nPage,
    maxRows = CHUNK_TOKENS,
    maxSequences = MAX_SEQUENCES,
    copyPage,
    window,
  }: SchedulerOptions) {
    this.#pool = new PagePool(nPage);
    this.#maxRows = maxRows;
    this.#maxSequences = maxSequences;
    this.#slots = Array.from({ length: maxSequences }, (_, i) => maxSequences - 1 - i);
    this.#copyPage = copyPage;
    this.#window = window ?? null;
  }

  get nRunning(): number {
    return this.#running.size;
  }

  get nFreePages(): number {
    return this.#pool.nFree;
  }

  /** Pages promised to running generations, taken or not. */
  get nPromisedPages(): number {
    return this.#nPromised;
  }

  /** Whether it is still running; false when its pages were taken away. */
  holds(lease: Lease): boolean {
    return this.#running.has(lease);
  }

  /**
   * Starts a generation with the longest prefix of its prompt that a kept sequence of the same root
   * has; null while the pages it asks for are promised to others. A sequence of which most is
   * shared is taken over and cut; of one that only begins alike (the same system prompt), the common
   * pages are copied if there is room. At least the last prompt token is always evaluated
   * anew, for its logits.
   * @throws {EngineError} E_KV_FULL when there will never be as many pages.
   */
  admit({ prompt, nTokens, age, mayGrow }: Claim): Lease | null {
    const nPage = this.#pagesToHold(nTokens);
    if (nPage > this.#pool.nPage) throw neverFits(nTokens, nPage, this.#pool.nPage);
    if (this.#nPromised + nPage > this.#pool.nPage) return null;
    if (this.#running.size === this.#maxSequences) return null;
    const { kept, prefix } = this.#longestPrefix(prompt);
    const from =
      kept === null ? this.#fresh(prompt.root) : (this.#copyOf(kept, prefix) ?? this.#unkeep(kept));
    from.sequence.truncate(prefix);
    const running: Running = { ...from, age, nPromised: nPage, mayGrow };
    this.#running.set(running, running);
    this.#nPromised += nPage;
    return running;
  }

  /**
   * Takes pages for `nTokens` positions: promised ones, and beyond those pages that nobody was promised.
   * False when there are too few.
   */
  reserve(lease: Lease, nTokens: number): boolean {
    const running = this.#running.get(lease);
    if (running === undefined) return false;
    const { sequence } = running;
    const missing = sequence.pagesMissing(nTokens);
    const more = Math.max(0, sequence.nHeld + missing - running.nPromised);
    if (this.#nPromised + more > this.#pool.nPage) return false;
    running.nPromised += more;
    this.#nPromised += more;
    while (this.#pool.nFree < missing && this.#dropKept());
    return sequence.reserve(nTokens);
  }

  /** The youngest running generation younger than `lease` that may grow; null if none. */
  youngestGrower(lease: Lease): Lease | null {
    const younger = [...this.#running.values()].filter((x) => x.mayGrow && x.age > lease.age);
    return younger.sort((a, b) => b.age - a.age)[0] ?? null;
  }

  /** Gives back the pages that no layer will read again. */
  releasePassed({ sequence }: Lease): void {
    if (this.#window !== null) sequence.releaseBefore(sequence.items.length - this.#window);
  }

  /** Ends a generation; what it evaluated is kept until its pages are needed. */
  end(lease: Lease, keep: boolean): void {
    const running = this.#running.get(lease);
    if (running === undefined) return;
    this.#running.delete(lease);
    this.#nPromised -= running.nPromised;
    const { sequence, slot } = running;
    if (keep && sequence.items.length > 0) {
      sequence.truncate(sequence.items.length);
      this.#kept.push({ sequence, slot });
    } else {
      sequence.truncate(0);
      this.#slots.push(slot);
    }
  }

  /** Drops all kept sequences: their pages no longer hold what they say. */
  forgetKept(): void {
    while (this.#dropKept());
  }

  /** Pages a sequence of `nTokens` holds at most at a time. */
  #pagesToHold(nTokens: number): number {
    if (this.#window === null) return pagesFor(nTokens);
    // Before a pass the window ends anywhere in its first page; a chunk comes after it.
    return Math.min(pagesFor(nTokens), pagesFor(this.#window + this.#maxRows + PAGE_TOKENS));
  }

  /** The kept sequence that shares most with `prompt`, and how much of it can be used. */
  #longestPrefix(prompt: PrefixKey): { kept: Kept | null; prefix: number } {
    let best: Kept | null = null;
    let bestPrefix = 0;
    for (const kept of this.#kept) {
      const prefix = Math.min(commonPrefix(kept.sequence, prompt), prompt.items.length - 1);
      if (prefix > bestPrefix && this.#reachesBack(kept.sequence, prefix))
        [best, bestPrefix] = [kept, prefix];
    }
    return { kept: best, prefix: bestPrefix };
  }

  /** Whether all positions that the one after `length` attends to are still in memory. */
  #reachesBack({ firstPosition }: Sequence, length: number): boolean {
    return firstPosition === 0 || (this.#window !== null && length - this.#window >= firstPosition);
  }

  /** A new sequence with the first `length` positions of `kept`; null when taking it over is better. */
  #copyOf(kept: Kept, length: number): Kept | null {
    if (length * 2 > kept.sequence.items.length || kept.sequence.firstPosition > 0) return null;
    if (this.#slots.length === 0 || this.#pool.nFree < pagesFor(length)) return null;
    const copy = this.#fresh(kept.sequence.root);
    copy.sequence.reserve(length);
    for (const [i, page] of copy.sequence.pages.entries()) {
      this.#copyPage(kept.sequence.pages[i]!, page);
    }
    copy.sequence.items.push(...kept.sequence.items.slice(0, length));
    return copy;
  }

  /** An empty sequence; there is a slot for it: fewer than `maxSequences` run. */
  #fresh(root: PrefixRoot): Kept {
    if (this.#slots.length === 0) this.#dropKept();
    return { sequence: new Sequence(this.#pool, root), slot: this.#slots.pop()! };
  }

  #unkeep(kept: Kept): Kept {
    this.#kept = this.#kept.filter((other) => other !== kept);
    return kept;
  }

  #dropKept(): boolean {
    const oldest = this.#kept.shift();
    if (oldest === undefined) return false;
    oldest.sequence.truncate(0);
    this.#slots.push(oldest.slot);
    return true;
  }
}

function neverFits(nTokens: number, needed: number, nPage: number): EngineError {
  return new EngineError(
    'E_KV_FULL',
    `cache: ${nTokens} tokens need ${needed} pages; there are ${nPage}. Ask for fewer tokens.`,
    { details: { nTokens, needed, nPage } },
  );
}
