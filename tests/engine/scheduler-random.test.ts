/** The scheduler under seeded random operations, and what must hold after each of them. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pagesFor } from '../../engine/cache/geometry.ts';
import type { Sequence } from '../../engine/cache/pages.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import type { Lease } from '../../engine/generate/scheduler.ts';
import { seededRandom } from '../support/random.ts';
import { watch } from '../support/watch.ts';
import type { Watched } from '../support/watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** One generation. */
interface Actor {
  readonly lease: Lease;
  readonly text: number[];
  readonly abort: AbortController;
  waiting: { state: Watched; nTokens: number } | null;
}

class RandomRun {
  readonly nPage = 12;
  readonly scheduler = new Scheduler(this.nPage, () => undefined);
  readonly actors = new Set<Actor>();
  /** Every sequence ever seen: those the scheduler dropped hold nothing. */
  readonly sequences = new Set<Sequence>();
  readonly counts = { begun: 0, reused: 0, waited: 0, aborted: 0, busy: 0, preempted: 0 };
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(n: number): number {
    return Math.floor(this.#random() * n);
  }

  begin(): void {
    // Few different tokens, so that prefixes are often shared.
    const prompt = Array.from({ length: 1 + this.below(90) }, (_, i) =>
      i % 30 === 0 ? this.below(3) : 7,
    );
    const running = new Set([...this.actors].map(({ lease }) => lease.sequence));
    const prefixes = [...this.sequences]
      .filter((sequence) => !running.has(sequence))
      .map((sequence) => sequence.commonPrefix(prompt));
    const longest = Math.max(0, ...prefixes);
    const lease = this.scheduler.begin(prompt);
    const reused = lease.sequence.tokens.length;
    expect(reused).toBe(Math.min(longest, prompt.length - 1));
    expect(prompt.slice(0, reused)).toEqual(lease.sequence.tokens);
    this.sequences.add(lease.sequence);
    this.actors.add({ lease, text: prompt, abort: new AbortController(), waiting: null });
    this.counts.begun++;
    if (reused > 0) this.counts.reused++;
  }

  step(actor: Actor): void {
    if (actor.waiting !== null) return;
    const nTokens = Math.min(actor.lease.sequence.tokens.length + 64, actor.text.length);
    const state = watch(this.scheduler.reserve(actor.lease, nTokens, actor.abort.signal));
    actor.waiting = { state, nTokens };
  }

  end(actor: Actor): void {
    if (actor.waiting !== null) return;
    this.scheduler.end(actor.lease, this.#random() < 0.7);
    this.actors.delete(actor);
  }

  abort(actor: Actor): void {
    actor.abort.abort();
    if (actor.waiting !== null) this.counts.aborted++;
  }

  /** Does what the engine does once pages are there. */
  collect(): void {
    for (const actor of this.actors) {
      const { waiting, lease, text } = actor;
      if (waiting === null) continue;
      if (!waiting.state.done) {
        this.counts.waited++;
        continue;
      }
      actor.waiting = null;
      if (waiting.state.error !== null) {
        if ((waiting.state.error as { code?: unknown }).code === 'E_BUSY') this.counts.busy++;
        this.scheduler.end(lease, false);
        this.actors.delete(actor);
      } else if (lease.sequence.pagesMissing(waiting.nTokens) > 0) {
        this.counts.preempted++;
      } else {
        const { tokens } = lease.sequence;
        tokens.push(...text.slice(tokens.length, waiting.nTokens));
        if (tokens.length === text.length && text.length < 150) text.push(this.below(3));
      }
    }
  }

  check(): void {
    const held = [...this.sequences].flatMap(({ pages }) => pages);
    expect(new Set(held).size).toBe(held.length);
    for (const page of held) expect(page >= 0 && page < this.nPage).toBe(true);
    expect(this.scheduler.nFreePages + held.length).toBe(this.nPage);
    for (const { tokens, pages } of this.sequences)
      expect(pages.length).toBeGreaterThanOrEqual(pagesFor(tokens.length));
    const slots = [...this.actors].map(({ lease }) => lease.slot);
    expect(new Set(slots).size).toBe(slots.length);
    expect(this.scheduler.nRunning).toBe(this.actors.size);
  }
}

it('no page is lost or held twice, and the longest prefix is reused', async () => {
  const totals = { begun: 0, reused: 0, waited: 0, aborted: 0, busy: 0, preempted: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const run = new RandomRun(seed);
    for (let i = 0; i < 400; i++) {
      const actors = [...run.actors];
      const actor = actors[run.below(actors.length)];
      const kind = run.below(100);
      if (actor === undefined || (kind < 12 && actors.length < 10)) run.begin();
      else if (kind < 75) run.step(actor);
      else if (kind < 82) run.end(actor);
      else if (kind < 84) run.abort(actor);
      else if (kind < 95) for (const each of actors) run.step(each);
      else await vi.advanceTimersByTimeAsync(run.below(4000));
      if (run.below(3) > 0) await vi.advanceTimersByTimeAsync(0);
      run.collect();
      run.check();
    }
    for (const actor of run.actors) run.abort(actor);
    await vi.advanceTimersByTimeAsync(0);
    run.collect();
    for (const actor of run.actors) run.end(actor);
    expect(run.scheduler.nRunning).toBe(0);
    for (const key of Object.keys(totals) as (keyof typeof totals)[])
      totals[key] += run.counts[key];
  }
  // The run has been through what it is meant to test.
  expect(totals.begun).toBeGreaterThan(200);
  expect(totals.reused).toBeGreaterThan(40);
  expect(totals.waited).toBeGreaterThan(100);
  expect(totals.aborted).toBeGreaterThan(10);
  expect(totals.preempted).toBeGreaterThan(10);
});
