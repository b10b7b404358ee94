/** Who gets key/value pages, without any model: positions are only counted. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import type { Lease } from '../../engine/generate/scheduler.ts';
import { MAX_SEQUENCES } from '../../engine/model/plan.ts';
import { watch } from '../support/watch.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = () => new AbortController().signal;
/** Lets everything that waits for nothing but promises run. */
const settle = () => vi.advanceTimersByTimeAsync(0);

/** `nPage` pages' worth of tokens that begin with `first`. */
function tokensOf(nPage: number, first: number): number[] {
  return Array.from({ length: nPage * PAGE_TOKENS }, (_, i) => (i === 0 ? first : i));
}

/** Takes pages for all of `tokens` and holds them in the cache. */
async function fill(scheduler: Scheduler, lease: Lease, tokens: readonly number[]): Promise<void> {
  await scheduler.reserve(lease, tokens.length, never());
  lease.sequence.tokens.push(...tokens.slice(lease.sequence.tokens.length));
}

async function start(scheduler: Scheduler, tokens: readonly number[]): Promise<Lease> {
  const lease = scheduler.begin(tokens);
  await fill(scheduler, lease, tokens);
  return lease;
}

async function keep(scheduler: Scheduler, tokens: readonly number[]): Promise<void> {
  scheduler.end(await start(scheduler, tokens), true);
}

/** How much of `tokens` is still in the cache. Looks by taking it, and puts it back. */
function cachedLength(scheduler: Scheduler, tokens: readonly number[]): number {
  const lease = scheduler.begin([...tokens, -1]);
  const { length } = lease.sequence.tokens;
  scheduler.end(lease, true);
  return length;
}

describe('a kept sequence', () => {
  it('is taken over up to the common prefix, the longest one of all', async () => {
    const scheduler = new Scheduler(10, () => undefined);
    const texts = [
      [1, 2, 3, 9, 9, 9],
      [1, 2, 3, 4, 5, 9],
      [1, 2, 9, 9, 9, 9, 9],
    ];
    // All at once: one after the other they would take over each other's.
    const leases = await Promise.all(texts.map((tokens) => start(scheduler, tokens)));
    for (const lease of leases) scheduler.end(lease, true);
    const lease = scheduler.begin([1, 2, 3, 4, 5, 6, 7]);
    expect(lease.sequence.tokens).toEqual([1, 2, 3, 4, 5]);
    // What was taken over is no longer there for another.
    expect(scheduler.begin([1, 2, 3, 4, 5, 6, 7]).sequence.tokens).toEqual([1, 2, 3]);
  });

  it('leaves the last token of the prompt to be evaluated', async () => {
    const scheduler = new Scheduler(10, () => undefined);
    await keep(scheduler, [1, 2, 3, 4, 5]);
    expect(scheduler.begin([1, 2, 3]).sequence.tokens).toEqual([1, 2]);
  });

  it('gives back the pages behind what is taken over', async () => {
    const scheduler = new Scheduler(10, () => undefined);
    const tokens = tokensOf(4, 1);
    await keep(scheduler, tokens);
    expect(scheduler.nFreePages).toBe(6);
    const lease = scheduler.begin([...tokens.slice(0, 2 * PAGE_TOKENS + 1), -1]);
    expect(lease.sequence.pages).toHaveLength(3);
    expect(scheduler.nFreePages).toBe(7);
  });

  it('keeps what only begins alike, and its pages are copied', async () => {
    const copied: [number, number][] = [];
    const scheduler = new Scheduler(10, (from, to) => copied.push([from, to]));
    const tokens = tokensOf(4, 1);
    await keep(scheduler, tokens);
    const lease = scheduler.begin([...tokens.slice(0, PAGE_TOKENS + 1), -1]);
    expect(lease.sequence.tokens).toEqual(tokens.slice(0, PAGE_TOKENS + 1));
    expect(copied.map(([, to]) => to)).toEqual(lease.sequence.pages);
    expect(copied.some(([from]) => lease.sequence.pages.includes(from))).toBe(false);
    expect(scheduler.nFreePages).toBe(4);
    scheduler.end(lease, false);
    expect(cachedLength(scheduler, tokens)).toBe(tokens.length);
  });

  it('is not what a different beginning gets', async () => {
    const scheduler = new Scheduler(10, () => undefined);
    await keep(scheduler, [1, 2, 3]);
    expect(scheduler.begin([2, 2, 3]).sequence.tokens).toEqual([]);
  });

  it('goes when pages are needed, the oldest first, and others stay', async () => {
    const scheduler = new Scheduler(6, () => undefined);
    const [a, b, c, d] = [1, 2, 3, 4].map((first) => tokensOf(2, first)) as [
      number[],
      number[],
      number[],
      number[],
    ];
    for (const tokens of [a, b, c]) await keep(scheduler, tokens);
    // Used again, so b is now the oldest.
    await keep(scheduler, a);
    await start(scheduler, d);
    expect([a, b, c].map((tokens) => cachedLength(scheduler, tokens))).toEqual([64, 0, 64]);
  });
});

describe('when pages run out', () => {
  it('the youngest generation loses all of its pages, others none', async () => {
    const scheduler = new Scheduler(6, () => undefined);
    const leases = [];
    for (const first of [1, 2, 3]) leases.push(await start(scheduler, tokensOf(2, first)));
    const [oldest, middle, youngest] = leases as [Lease, Lease, Lease];
    await fill(scheduler, oldest, tokensOf(3, 1));
    expect(oldest.sequence.pages).toHaveLength(3);
    expect(middle.sequence.pages).toHaveLength(2);
    expect(youngest.sequence.pages).toHaveLength(0);
    expect(youngest.sequence.tokens).toEqual([]);
    expect(scheduler.nFreePages).toBe(1);
  });

  it('kept sequences go before running generations', async () => {
    const scheduler = new Scheduler(6, () => undefined);
    await keep(scheduler, tokensOf(2, 1));
    const oldest = await start(scheduler, tokensOf(2, 2));
    const youngest = await start(scheduler, tokensOf(2, 3));
    await fill(scheduler, oldest, tokensOf(3, 2));
    expect(youngest.sequence.pages).toHaveLength(2);
  });

  it('a younger generation waits until an older one ends', async () => {
    const scheduler = new Scheduler(4, () => undefined);
    const older = await start(scheduler, tokensOf(3, 1));
    const younger = scheduler.begin(tokensOf(2, 2));
    const waiting = watch(scheduler.reserve(younger, 2 * PAGE_TOKENS, never()));
    await vi.advanceTimersByTimeAsync(4000);
    expect(waiting.done).toBe(false);
    expect(older.sequence.pages).toHaveLength(3);
    scheduler.end(older, true);
    await settle();
    expect(waiting).toEqual({ done: true, error: null });
    expect(younger.sequence.pages).toHaveLength(2);
    expect(younger.waitedMs).toBe(4000);
  });

  it('an older generation whose reader has stalled gives way after five seconds', async () => {
    const scheduler = new Scheduler(4, () => undefined);
    const stalled = await start(scheduler, tokensOf(3, 1));
    const younger = scheduler.begin(tokensOf(2, 2));
    const waiting = watch(scheduler.reserve(younger, 2 * PAGE_TOKENS, never()));
    await vi.advanceTimersByTimeAsync(7000);
    expect(waiting.done).toBe(true);
    expect(stalled.sequence.pages).toHaveLength(0);
  });

  it('a wait ends with E_BUSY after two minutes while an older one goes on', async () => {
    const scheduler = new Scheduler(4, () => undefined);
    const older = await start(scheduler, tokensOf(3, 1));
    const younger = scheduler.begin(tokensOf(2, 2));
    const waiting = watch(scheduler.reserve(younger, 2 * PAGE_TOKENS, never()));
    for (let second = 0; second < 119; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      await fill(scheduler, older, tokensOf(3, 1));
    }
    expect(waiting.done).toBe(false);
    await vi.advanceTimersByTimeAsync(3000);
    expect(waiting.error).toMatchObject({ code: 'E_BUSY' });
    expect(older.sequence.pages).toHaveLength(3);
  });

  it('a generation that waits for pages is not taken for a stalled one', async () => {
    const scheduler = new Scheduler(6, () => undefined);
    const oldest = await start(scheduler, tokensOf(3, 1));
    const middle = await start(scheduler, tokensOf(2, 2));
    const waiting = watch(scheduler.reserve(middle, 4 * PAGE_TOKENS, never()));
    const youngest = scheduler.begin(tokensOf(2, 3));
    for (let second = 0; second < 8; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      await fill(scheduler, oldest, tokensOf(3, 1));
    }
    const behind = watch(scheduler.reserve(youngest, PAGE_TOKENS, never()));
    await settle();
    expect([waiting.done, behind.done]).toEqual([false, false]);
    expect(middle.sequence.pages).toHaveLength(3);
  });

  it('a wait ends at once when its caller goes away, and its pages can be given back', async () => {
    const scheduler = new Scheduler(4, () => undefined);
    await start(scheduler, tokensOf(3, 1));
    const younger = scheduler.begin(tokensOf(2, 2));
    const abort = new AbortController();
    const waiting = watch(scheduler.reserve(younger, 2 * PAGE_TOKENS, abort.signal));
    await settle();
    abort.abort();
    await settle();
    expect(waiting.error).toMatchObject({ code: 'E_ABORTED' });
    scheduler.end(younger, false);
    expect(scheduler.nFreePages).toBe(1);
    expect(scheduler.nRunning).toBe(1);
  });
});

describe('page tables', () => {
  it('are one for each running generation; one more is refused until another ends', () => {
    const scheduler = new Scheduler(4, () => undefined);
    const leases = Array.from({ length: MAX_SEQUENCES }, () => scheduler.begin([1]));
    const slots = leases.map(({ slot }) => slot).sort((a, b) => a - b);
    expect(slots).toEqual(Array.from({ length: MAX_SEQUENCES }, (_, i) => i));
    expect(() => scheduler.begin([1])).toThrow(/32 generations are running/);
    scheduler.end(leases[7]!, true);
    expect(scheduler.begin([1]).slot).toBe(leases[7]!.slot);
  });

  it('of kept sequences go to new generations', async () => {
    const scheduler = new Scheduler(100, () => undefined);
    for (let first = 0; first < MAX_SEQUENCES; first++) await keep(scheduler, [first, 1]);
    expect(scheduler.nFreePages).toBe(100 - MAX_SEQUENCES);
    scheduler.begin([99]);
    expect(scheduler.nFreePages).toBe(101 - MAX_SEQUENCES);
    // The oldest went.
    expect(cachedLength(scheduler, [0, 1])).toBe(0);
    expect(cachedLength(scheduler, [5, 1])).toBe(2);
  });
});
