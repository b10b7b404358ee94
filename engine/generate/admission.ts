/**
 * Places in the batch: who gets pages of the cache, in which order those who wait get them, and who gives a place back for
 * another. Scopes (keys, subjects) take turns.
 */
import { EngineError } from '../base/errors.ts';
import { fairOrder, lastOfLargest } from './fair-order.ts';
import type { Generation } from './generation.ts';
import type { Scheduler } from './scheduler.ts';

/** Generations that may wait for pages. */
export const MAX_QUEUED = 64;
/** Longest wait for pages before the caller is asked to try again. */
const MAX_WAIT_MS = 120_000;
/** A scope that has waited this long with less than its share takes a place from the scope that has most. */
export const MAX_UNFAIR_MS = 1000;
/**
 * A generation that has waited for MAX_UNFAIR_MS takes the place of one of which this many times as much is left,
 * so that tens of long texts of one scope, perhaps read by nobody, do not hold up a short one for minutes.
 */
export const SHORT_FACTOR = 8;
/** How many of those that wait for pages say so: they are not refused after that, but wait as long as their reader. */
export const MAX_TOLD = MAX_QUEUED / 2;
/** A generation whose reader takes nothing for this long may lose its pages to one that waits. */
const STALLED_MS = 5000;
/** A generation whose reader takes nothing for this long is ended as abandoned. */
const ABANDONED_MS = 600_000;
/** Seconds a client should wait while too many are before it. */
const BUSY_RETRY_AFTER_S = 5;
export const CALLER_GONE = 'generation: the caller went away';

export class Admission {
  /** All generations that have not ended, the oldest first. */
  readonly #live: Set<Generation>;
  readonly #scheduler: Scheduler;
  /** Ends one, and keeps nothing of what its pages hold. */
  readonly #leave: (generation: Generation) => void;
  /** Whether an older generation found no page: nobody new starts before it has one. */
  starved = false;

  /** @param live of the loop, which adds to it and takes from it */
  constructor(
    live: Set<Generation>,
    scheduler: Scheduler,
    leave: (generation: Generation) => void,
  ) {
    this.#live = live;
    this.#scheduler = scheduler;
    this.#leave = leave;
  }

  /** Generations that wait for pages. */
  get nQueued(): number {
    let n = 0;
    for (const { lease } of this.#live) if (lease === null) n++;
    return n;
  }

  /** Says to a generation's reader that it waits. */
  tell(generation: Generation): void {
    const { told, begun, ended, lease } = generation;
    if (told || begun || ended) return;
    if (lease === null && this.#nTold >= MAX_TOLD) return;
    generation.tell();
  }

  /** Generations that wait for pages and have said so. */
  get #nTold(): number {
    let n = 0;
    for (const { lease, told } of this.#live) if (lease === null && told) n++;
    return n;
  }

  /**
   * Where one too many waits: of those that have not said so, the last of the scope that has most waiting goes, which may be
   * the newcomer itself.
   * @throws {EngineError} E_BUSY where it is
   */
  refuseTooMany(newcomer: Generation): void {
    if (this.nQueued <= MAX_QUEUED) return;
    const waiting = [...this.#live].filter(
      ({ lease, ended, told }) => lease === null && !ended && !told,
    );
    const last = lastOfLargest(waiting) ?? newcomer;
    const error = busy(`${MAX_QUEUED} generations wait already`);
    if (last === newcomer) {
      this.#live.delete(newcomer);
      throw error;
    }
    last.fail(error);
    this.#leave(last);
  }

  /** Gives places to those who wait: scopes take turns, each in its order of arrival. */
  admit(now: number): void {
    for (const generation of this.#live)
      if (generation.paused) this.#forgetAbandoned(generation, now);
    if (this.starved) return this.#failLate(now);
    const live = [...this.#live];
    const waiting = live.filter((g) => g.lease === null && !g.ended && !g.paused);
    if (waiting.length === 0) return;
    const running = live.filter(({ lease }) => lease !== null);
    for (const generation of fairOrder(waiting, running))
      if (!this.#place(generation, now)) {
        this.#letShortIn(waiting, now);
        return this.#failLate(now);
      }
  }

  /** Gives the shortest of those that have waited long the place of one that is much longer. */
  #letShortIn(waiting: readonly Generation[], now: number): void {
    const patient = waiting.filter((g) => g.lease === null && now - g.since >= MAX_UNFAIR_MS);
    const short = patient.sort((a, b) => a.nLeft - b.nLeft || a.age - b.age)[0];
    if (short === undefined) return;
    const long = [...this.#live].filter(
      (g) =>
        g.lease !== null &&
        !g.gaveWay &&
        g.scope === short.scope &&
        now - g.placedAt >= MAX_UNFAIR_MS &&
        g.nLeft >= SHORT_FACTOR * short.nLeft,
    );
    const victim = long.sort((a, b) => b.nLeft - a.nLeft || b.age - a.age)[0];
    if (victim === undefined) return;
    victim.gaveWay = true;
    this.#displace(victim.lease, now);
    this.#place(short, now);
  }

  #place(generation: Generation, now: number): boolean {
    try {
      for (;;) {
        const lease = this.#scheduler.admit(generation.claim);
        if (lease !== null) {
          generation.place(lease, now);
          return true;
        }
        if (!this.#displaceStalled(now) && !this.#displaceLargest(generation, now)) return false;
      }
    } catch (error) {
      generation.fail(error);
      this.#leave(generation);
      return true;
    }
  }

  /** Takes the next token's page: promised, free, or from one that stalls or is younger and may grow. */
  takePages(generation: Generation, now: number): boolean {
    const { lease } = generation;
    if (lease === null) return false;
    for (;;) {
      if (this.#scheduler.reserve(lease, generation.text.length)) return true;
      // An older generation took the pages in this step.
      if (!this.#scheduler.holds(lease)) return false;
      if (this.#displaceStalled(now)) continue;
      const victim = this.#scheduler.youngestGrower(lease);
      if (victim === null) {
        this.starved = true;
        return false;
      }
      this.#displace(victim, now);
    }
  }

  #displaceStalled(now: number): boolean {
    for (const { lease, paused, since } of this.#live) {
      if (lease === null || !paused || now - since < STALLED_MS) continue;
      this.#displace(lease, now);
      return true;
    }
    return false;
  }

  /**
   * Takes a place from the scope that has most, for one that has waited too long with at least two fewer: its
   * youngest goes on later, from the tokens it has.
   */
  #displaceLargest({ scope, since }: Generation, now: number): boolean {
    if (now - since < MAX_UNFAIR_MS) return false;
    const running = [...this.#live].filter(({ lease }) => lease !== null);
    const nOwn = running.filter((other) => other.scope === scope).length;
    const victim = lastOfLargest(running);
    if (victim === null) return false;
    if (running.filter((other) => other.scope === victim.scope).length < nOwn + 2) return false;
    this.#displace(victim.lease, now);
    return true;
  }

  #displace(lease: Generation['lease'], now: number): void {
    for (const generation of this.#live) {
      if (generation.lease !== lease || lease === null) continue;
      this.#scheduler.end(lease, false);
      generation.displace(now);
    }
  }

  /** Ends those that waited too long. */
  #failLate(now: number): void {
    for (const generation of [...this.#live]) {
      if (generation.lease !== null || generation.paused || generation.told) continue;
      if (now - generation.since < MAX_WAIT_MS) continue;
      generation.fail(busy('no pages became free', { waitedMs: MAX_WAIT_MS }));
      this.#leave(generation);
    }
  }

  #forgetAbandoned(generation: Generation, now: number): void {
    if (now - generation.since < ABANDONED_MS) return;
    generation.fail(new EngineError('E_ABORTED', CALLER_GONE));
    this.#leave(generation);
  }
}

function busy(what: string, details: object = {}): EngineError {
  return new EngineError('E_BUSY', `cache: ${what}; try again later.`, {
    details: { ...details, retryAfterS: BUSY_RETRY_AFTER_S },
  });
}
