/** The scheduler under seeded random operations, and what must hold after each of them. */
import { expect, it } from 'vitest';
import { PAGE_TOKENS, pagesFor } from '../../engine/cache/geometry.ts';
import { RELEASED_PAGE } from '../../engine/cache/pages.ts';
import type { Sequence } from '../../engine/cache/pages.ts';
import { commonPrefix, PLAIN_ROOT } from '../../engine/cache/prefix-key.ts';
import type { PrefixRoot } from '../../engine/cache/prefix-key.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import type { Lease } from '../../engine/generate/scheduler.ts';
import { seededRandom } from '../support/random.ts';

const WINDOW = 40;
const ROOTS: readonly PrefixRoot[] = [
  PLAIN_ROOT,
  { scope: 'ann', adapter: null },
  { scope: 'ann', adapter: 'poet' },
];

/** One generation. */
interface Actor {
  readonly lease: Lease;
  readonly text: number[];
  /** Tokens it was promised pages for; it may go on past them if it may grow. */
  readonly nPromised: number;
  readonly mayGrow: boolean;
}

class RandomRun {
  readonly nPage = 12;
  readonly scheduler: Scheduler;
  readonly actors = new Set<Actor>();
  /** Every sequence ever seen: those the scheduler dropped hold nothing. */
  readonly sequences = new Set<Sequence>();
  readonly counts = { begun: 0, reused: 0, refused: 0, grown: 0, starved: 0, displaced: 0 };
  readonly #random: () => number;
  readonly #window: number | null;
  readonly #roots: readonly PrefixRoot[];
  /** For whom the keys and values of each page were written. */
  readonly #writers = new Map<number, PrefixRoot>();
  #nBegun = 0;

  constructor(seed: number, window: number | null, roots: readonly PrefixRoot[]) {
    this.#random = seededRandom(seed);
    this.#roots = roots;
    this.#window = window;
    const copyPage = (from: number, to: number): void => {
      this.#writers.set(to, this.#writers.get(from)!);
    };
    this.scheduler = new Scheduler({ nPage: this.nPage, copyPage, window });
  }

  below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  begin(): void {
    // Few different tokens, so that prefixes are often shared.
    const prompt = Array.from({ length: 1 + this.below(90) }, (_, i) =>
      i % 30 === 0 ? this.below(3) : 7,
    );
    const root =
      this.#roots.length === 1 ? this.#roots[0]! : this.#roots[this.below(this.#roots.length)]!;
    const key = { root, items: prompt };
    const running = new Set([...this.actors].map(({ lease }) => lease.sequence));
    const prefixes = [...this.sequences]
      .filter((sequence) => !running.has(sequence))
      .map((sequence) => commonPrefix(sequence, key));
    const longest = Math.min(Math.max(0, ...prefixes), prompt.length - 1);
    const mayGrow = this.below(2) === 0;
    const nPromised = prompt.length + this.below(60);
    const claim = { prompt: key, nTokens: nPromised, age: this.#nBegun++, mayGrow };
    const lease = this.scheduler.admit(claim);
    if (lease === null) {
      this.counts.refused++;
      return;
    }
    const reused = lease.sequence.items.length;
    if (this.#window === null) expect(reused).toBe(longest);
    else expect(reused).toBeLessThanOrEqual(longest);
    expect(prompt.slice(0, reused)).toEqual(lease.sequence.items);
    expect(lease.sequence.root).toEqual(root);
    // Every page that is read was written for the same root.
    for (const page of lease.sequence.pages)
      if (page !== RELEASED_PAGE) expect(this.#writers.get(page)).toEqual(root);
    this.sequences.add(lease.sequence);
    this.actors.add({ lease, text: prompt, nPromised, mayGrow });
    this.counts.begun++;
    if (reused > 0) this.counts.reused++;
  }

  /** Does what the loop does: a chunk of the text or one more token. */
  step(actor: Actor): void {
    const { lease, text, nPromised, mayGrow } = actor;
    const { items: tokens } = lease.sequence;
    if (tokens.length === text.length) {
      if (text.length === nPromised && !mayGrow) return this.end(actor, true);
      text.push(this.below(3));
    }
    const end = Math.min(tokens.length + 48, text.length);
    if (!this.scheduler.reserve(lease, end)) {
      // What was promised is always there.
      expect(mayGrow && end > nPromised).toBe(true);
      this.counts.starved++;
      return this.#displaceYounger(actor);
    }
    if (end > nPromised) this.counts.grown++;
    for (const page of lease.sequence.pages.slice(Math.floor(tokens.length / PAGE_TOKENS)))
      this.#writers.set(page, lease.sequence.root);
    tokens.push(...text.slice(tokens.length, end));
    this.scheduler.releasePassed(lease);
  }

  #displaceYounger({ lease }: Actor): void {
    const victim = this.scheduler.youngestGrower(lease);
    const loser = [...this.actors].find((other) => other.lease === victim);
    if (loser === undefined) return;
    expect(loser.mayGrow).toBe(true);
    this.counts.displaced++;
    this.end(loser, false);
  }

  end(actor: Actor, keep: boolean): void {
    this.scheduler.end(actor.lease, keep);
    this.actors.delete(actor);
  }

  check(): void {
    const held = [...this.sequences].flatMap(({ pages }) =>
      pages.filter((page) => page !== RELEASED_PAGE),
    );
    expect(new Set(held).size).toBe(held.length);
    expect(held.every((page) => page >= 0 && page < this.nPage)).toBe(true);
    expect(this.scheduler.nFreePages + held.length).toBe(this.nPage);
    expect(this.scheduler.nPromisedPages).toBeLessThanOrEqual(this.nPage);
    const window = this.#window ?? Infinity;
    const wrong = [...this.sequences].filter(
      ({ items: tokens, pages, firstPosition, nHeld }) =>
        pages.length < pagesFor(tokens.length) ||
        pages.length - nHeld !== firstPosition / PAGE_TOKENS ||
        firstPosition > Math.max(0, tokens.length - window),
    );
    expect(wrong).toEqual([]);
    const slots = [...this.actors].map(({ lease }) => lease.slot);
    expect(new Set(slots).size).toBe(slots.length);
    expect(this.scheduler.nRunning).toBe(this.actors.size);
  }
}

it.each([
  [null, 1],
  [WINDOW, 1],
  [null, 3],
  [WINDOW, 3],
] as const)(
  'no page is lost, held twice or read by others, and promises are kept (window %s, %i roots)',
  (window, nRoot) => {
    const totals: Record<string, number> = {};
    for (let seed = 1; seed <= 12; seed++) {
      const run = new RandomRun(seed, window, ROOTS.slice(0, nRoot));
      for (let i = 0; i < 500; i++) {
        const actors = [...run.actors];
        const actor = actors[run.below(actors.length)];
        const kind = run.below(100);
        if (actor === undefined || kind < 15) run.begin();
        else if (kind < 70) run.step(actor);
        else if (kind < 74) run.end(actor, run.below(10) < 7);
        else for (const each of actors) if (run.actors.has(each)) run.step(each);
        run.check();
      }
      for (const actor of run.actors) run.end(actor, false);
      expect([run.scheduler.nRunning, run.scheduler.nPromisedPages]).toEqual([0, 0]);
      // All that is left is kept, and makes way for one that takes everything.
      const last = { root: PLAIN_ROOT, items: [9] };
      const all = { prompt: last, nTokens: run.nPage * PAGE_TOKENS, age: 1e6, mayGrow: false };
      const lease = run.scheduler.admit(all);
      if (window === null) expect(run.scheduler.reserve(lease!, all.nTokens)).toBe(true);
      for (const [key, n] of Object.entries(run.counts)) totals[key] = (totals[key] ?? 0) + n;
    }
    // The run has been through what it is meant to test.
    expect(totals['begun']).toBeGreaterThan(300);
    expect(totals['reused']).toBeGreaterThan(nRoot === 1 ? 40 : 10);
    expect(totals['refused']).toBeGreaterThan(window === null ? 100 : 30);
    expect(totals['grown']).toBeGreaterThan(100);
    if (window === null) {
      expect(totals['starved']).toBeGreaterThan(15);
      expect(totals['displaced']).toBeGreaterThan(5);
    }
  },
);
