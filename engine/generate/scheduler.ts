/**
 * Who holds key/value pages: running generations and finished sequences kept for reuse of their
 * prefix. Older generations go first; when pages run out, kept sequences go, then the youngest
 * (or stalled) generation gives up its pages and evaluates its tokens again later.
 */
import { EngineError, throwIfAborted } from '../base/errors.ts';
import { pagesFor } from '../cache/geometry.ts';
import { PagePool, Sequence } from '../cache/pages.ts';
import { MAX_SEQUENCES } from '../model/plan.ts';

/** A generation whose consumer has not asked for this long may lose its pages to a younger one. */
const STALLED_MS = 5000;
/** Longest wait for pages before the caller is told to come back. */
const MAX_WAIT_MS = 120_000;
/** Of E_ABORTED, wherever a generation notices. */
export const CALLER_GONE = 'generation: the caller went away';
/** A waiting generation looks this often whether another has stalled. */
const WAKE_MS = 1000;

export interface Lease {
  readonly sequence: Sequence;
  /** Index of its page table. */
  readonly slot: number;
  readonly age: number;
  lastStepAt: number;
  /** Time spent waiting for pages. */
  waitedMs: number;
}

/** Copies the keys and values of one page to another. */
export type CopyPage = (from: number, to: number) => void;

interface Kept {
  readonly sequence: Sequence;
  readonly slot: number;
}

export class Scheduler {
  readonly #pool: PagePool;
  readonly #slots = Array.from({ length: MAX_SEQUENCES }, (_, i) => i);
  readonly #running = new Set<Lease>();
  /** Oldest first. */
  #kept: Kept[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #copyPage: CopyPage;
  #nextAge = 0;

  constructor(nPage: number, copyPage: CopyPage) {
    this.#pool = new PagePool(nPage);
    this.#copyPage = copyPage;
  }

  get nRunning(): number {
    return this.#running.size;
  }

  get nFreePages(): number {
    return this.#pool.nFree;
  }

  /**
   * Starts a generation with the longest prefix of `prompt` that a kept sequence has. A sequence that
   * goes on mostly as it was is taken over and cut; one that only begins alike (the same system
   * prompt) is left as it is and the common pages are copied, if there is room.
   * At least the last prompt token is always evaluated anew, for its logits.
   * @throws {EngineError} E_BUSY when MAX_SEQUENCES generations run.
   */
  begin(prompt: readonly number[]): Lease {
    const { kept, prefix } = this.#longestPrefix(prompt);
    const { sequence, slot } =
      kept === null ? this.#fresh() : (this.#copyOf(kept, prefix) ?? this.#unkeep(kept));
    sequence.truncate(prefix);
    const lease: Lease = {
      sequence,
      slot,
      age: this.#nextAge++,
      lastStepAt: Date.now(),
      waitedMs: 0,
    };
    this.#running.add(lease);
    return lease;
  }

  /** Ends a generation; what it evaluated is kept until its pages are needed. */
  end(lease: Lease, keep: boolean): void {
    this.#running.delete(lease);
    const { sequence, slot } = lease;
    if (keep && sequence.tokens.length > 0) {
      sequence.truncate(sequence.tokens.length);
      this.#kept.push({ sequence, slot });
    } else {
      sequence.truncate(0);
      this.#slots.push(slot);
    }
    this.#wake();
  }

  /**
   * Makes room for `nTokens` positions of `lease`, waiting for older generations if it must.
   * Its own tokens may have been dropped by the time it returns: check sequence.tokens.length.
   * @throws {EngineError} E_BUSY after MAX_WAIT_MS; E_ABORTED.
   */
  async reserve(lease: Lease, nTokens: number, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + MAX_WAIT_MS;
    lease.lastStepAt = Date.now();
    while (!lease.sequence.reserve(nTokens)) {
      if (this.#dropKept() || this.#preempt(lease)) continue;
      if (Date.now() > deadline) {
        throw new EngineError('E_BUSY', 'cache: no pages became free; try again later', {
          details: { waitedMs: MAX_WAIT_MS },
        });
      }
      const waitingSince = Date.now();
      await this.#nextWake(signal);
      // Who waits for pages is not stalled: its consumer did ask.
      lease.lastStepAt = Date.now();
      lease.waitedMs += lease.lastStepAt - waitingSince;
    }
    lease.lastStepAt = Date.now();
  }

  /** The kept sequence that shares most with `prompt`, and how much of it can be used. */
  #longestPrefix(prompt: readonly number[]): { kept: Kept | null; prefix: number } {
    let best: Kept | null = null;
    let bestPrefix = 0;
    for (const kept of this.#kept) {
      const prefix = Math.min(kept.sequence.commonPrefix(prompt), prompt.length - 1);
      if (prefix > bestPrefix) [best, bestPrefix] = [kept, prefix];
    }
    return { kept: best, prefix: bestPrefix };
  }

  /** A new sequence with the first `length` positions of `kept`; null when taking it over is better. */
  #copyOf(kept: Kept, length: number): Kept | null {
    if (length * 2 > kept.sequence.tokens.length) return null;
    if (this.#slots.length === 0 || this.#pool.nFree < pagesFor(length)) return null;
    const copy = this.#fresh();
    copy.sequence.reserve(length);
    for (const [i, page] of copy.sequence.pages.entries()) {
      this.#copyPage(kept.sequence.pages[i]!, page);
    }
    copy.sequence.tokens.push(...kept.sequence.tokens.slice(0, length));
    return copy;
  }

  #fresh(): Kept {
    if (this.#slots.length === 0) this.#dropKept();
    const slot = this.#slots.pop();
    if (slot === undefined) {
      throw new EngineError(
        'E_BUSY',
        `engine: ${MAX_SEQUENCES} generations are running; try again later`,
        {
          details: { maxSequences: MAX_SEQUENCES },
        },
      );
    }
    return { sequence: new Sequence(this.#pool), slot };
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

  /** Takes all pages of the youngest generation that `lease` may push aside. */
  #preempt(lease: Lease): boolean {
    const now = Date.now();
    const victims = [...this.#running].filter(
      (other) =>
        other !== lease &&
        other.sequence.pages.length > 0 &&
        (other.age > lease.age || now - other.lastStepAt > STALLED_MS),
    );
    const victim = victims.sort((a, b) => b.age - a.age)[0];
    if (victim === undefined) return false;
    victim.sequence.truncate(0);
    return true;
  }

  #wake(): void {
    for (const resolve of [...this.#waiting]) resolve();
  }

  /** Resolves when a generation ends, after a second at the latest (stalled ones), or on abort. */
  async #nextWake(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.#waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, WAKE_MS);
        this.#waiting.add(done);
        signal.addEventListener('abort', done);
      });
    }
    throwIfAborted(signal, CALLER_GONE);
  }
}
