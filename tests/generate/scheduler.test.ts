/** Who gets key/value pages, without any model: positions are only counted. */
import { describe, expect, it } from 'vitest';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { RELEASED_PAGE } from '../../engine/cache/pages.ts';
import { commonPrefix, PLAIN_ROOT, rowKey } from '../../engine/cache/prefix-key.ts';
import type { ItemKey, PrefixRoot } from '../../engine/cache/prefix-key.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import type { CopyPage, Lease } from '../../engine/generate/scheduler.ts';
import { MAX_SEQUENCES } from '../../engine/model/decoder/plan.ts';

let nextAge = 0;

function schedulerOf(nPage: number, copyPage: CopyPage = () => undefined): Scheduler {
  return new Scheduler({ nPage, copyPage });
}

/** `nPage` pages' worth of tokens that begin with `first`. */
function tokensOf(nPage: number, first: number): number[] {
  return Array.from({ length: nPage * PAGE_TOKENS }, (_, i) => (i === 0 ? first : i));
}

interface Asked {
  readonly root?: PrefixRoot;
  readonly nTokens?: number;
  readonly mayGrow?: boolean;
}

function ask(scheduler: Scheduler, prompt: readonly number[], asked: Asked = {}): Lease | null {
  const { nTokens = prompt.length, mayGrow = false, root = PLAIN_ROOT } = asked;
  const key = { root, items: prompt };
  return scheduler.admit({ prompt: key, nTokens, age: nextAge++, mayGrow });
}

/** Takes pages for all of `tokens` and holds them in the cache. */
function fill(scheduler: Scheduler, lease: Lease, tokens: readonly number[]): void {
  expect(scheduler.reserve(lease, tokens.length)).toBe(true);
  lease.sequence.items.push(...tokens.slice(lease.sequence.items.length));
}

function begin(scheduler: Scheduler, prompt: readonly number[], asked?: Asked): Lease {
  const lease = ask(scheduler, prompt, asked);
  if (lease === null) throw new Error('no room');
  return lease;
}

function start(scheduler: Scheduler, tokens: readonly number[], asked?: Asked): Lease {
  const lease = begin(scheduler, tokens, asked);
  fill(scheduler, lease, tokens);
  return lease;
}

function keep(scheduler: Scheduler, tokens: readonly number[]): void {
  scheduler.end(start(scheduler, tokens), true);
}

/** How much of `tokens` is still in the cache. Looks by taking it, and puts it back. */
function cachedLength(scheduler: Scheduler, tokens: readonly number[]): number {
  const lease = begin(scheduler, [...tokens, -1]);
  const { length } = lease.sequence.items;
  scheduler.end(lease, true);
  return length;
}

describe('a kept sequence', () => {
  it('is taken over up to the common prefix, the longest one of all', () => {
    const scheduler = schedulerOf(10);
    const texts = [
      [1, 2, 3, 9, 9, 9],
      [1, 2, 3, 4, 5, 9],
      [1, 2, 9, 9, 9, 9, 9],
    ];
    // All at once: one after the other they would take over each other's.
    const leases = texts.map((tokens) => start(scheduler, tokens));
    for (const lease of leases) scheduler.end(lease, true);
    const lease = begin(scheduler, [1, 2, 3, 4, 5, 6, 7]);
    expect(lease.sequence.items).toEqual([1, 2, 3, 4, 5]);
    // What was taken over is no longer there for another.
    expect(begin(scheduler, [1, 2, 3, 4, 5, 6, 7]).sequence.items).toEqual([1, 2, 3]);
  });

  it('leaves the last token of the prompt to be evaluated', () => {
    const scheduler = schedulerOf(10);
    keep(scheduler, [1, 2, 3, 4, 5]);
    expect(begin(scheduler, [1, 2, 3]).sequence.items).toEqual([1, 2]);
  });

  it('gives back the pages behind what is taken over', () => {
    const scheduler = schedulerOf(10);
    const tokens = tokensOf(4, 1);
    keep(scheduler, tokens);
    expect(scheduler.nFreePages).toBe(6);
    const lease = begin(scheduler, [...tokens.slice(0, 2 * PAGE_TOKENS + 1), -1]);
    expect(lease.sequence.pages).toHaveLength(3);
    expect(scheduler.nFreePages).toBe(7);
  });

  it('keeps what only begins alike, and its pages are copied', () => {
    const copied: [number, number][] = [];
    const scheduler = schedulerOf(10, (from, to) => copied.push([from, to]));
    const tokens = tokensOf(4, 1);
    keep(scheduler, tokens);
    const lease = begin(scheduler, [...tokens.slice(0, PAGE_TOKENS + 1), -1]);
    expect(lease.sequence.items).toEqual(tokens.slice(0, PAGE_TOKENS + 1));
    expect(copied.map(([, to]) => to)).toEqual(lease.sequence.pages);
    expect(copied.some(([from]) => lease.sequence.pages.includes(from))).toBe(false);
    expect(scheduler.nFreePages).toBe(4);
    scheduler.end(lease, false);
    expect(cachedLength(scheduler, tokens)).toBe(tokens.length);
  });

  it('is not what a different beginning gets', () => {
    const scheduler = schedulerOf(10);
    keep(scheduler, [1, 2, 3]);
    expect(begin(scheduler, [2, 2, 3]).sequence.items).toEqual([]);
  });

  it('goes when pages are needed, the oldest first, and others stay', () => {
    const scheduler = schedulerOf(6);
    const [a, b, c, d] = [1, 2, 3, 4].map((first) => tokensOf(2, first)) as [
      number[],
      number[],
      number[],
      number[],
    ];
    for (const tokens of [a, b, c]) keep(scheduler, tokens);
    // Used again, so b is now the oldest.
    keep(scheduler, a);
    const lease = start(scheduler, d);
    scheduler.end(lease, true);
    expect([a, b, c].map((tokens) => cachedLength(scheduler, tokens))).toEqual([64, 0, 64]);
  });

  it('stands in nobody’s way: what is promised counts only those that run', () => {
    const scheduler = schedulerOf(6);
    for (const first of [1, 2, 3]) keep(scheduler, tokensOf(2, first));
    expect([scheduler.nFreePages, scheduler.nPromisedPages]).toEqual([0, 0]);
    const lease = begin(scheduler, [7], { nTokens: 6 * PAGE_TOKENS });
    expect(scheduler.nPromisedPages).toBe(6);
    fill(scheduler, lease, tokensOf(6, 7));
    expect(lease.sequence.pages).toHaveLength(6);
  });
});

describe('what a prefix is shared by', () => {
  const ann: PrefixRoot = { scope: 'ann', adapter: null };
  const tokens = tokensOf(4, 1);

  it.each([
    ['another scope', { scope: 'bob', adapter: null }],
    ['the scope of nobody', PLAIN_ROOT],
    ['an adapter', { scope: 'ann', adapter: 'poet' }],
    ['names that run together', { scope: 'an', adapter: 'n' }],
  ])('is not the tokens alone: %s finds nothing, and copies nothing', (_, root) => {
    const copied: number[] = [];
    const scheduler = schedulerOf(12, (from) => copied.push(from));
    scheduler.end(start(scheduler, tokens, { root: ann }), true);
    const whole = begin(scheduler, tokens, { root });
    const part = begin(scheduler, tokens.slice(0, PAGE_TOKENS), { root });
    expect([whole.sequence.items, part.sequence.items]).toEqual([[], []]);
    expect(copied).toEqual([]);
    scheduler.end(whole, false);
    scheduler.end(part, false);
    // What was kept is still there for its own.
    const again = begin(scheduler, [...tokens, -1], { root: { ...ann } });
    expect(again.sequence.items).toEqual(tokens);
  });

  it('goes with a copy: it is of the same scope', () => {
    const scheduler = schedulerOf(12);
    scheduler.end(start(scheduler, tokens, { root: ann }), true);
    const head = [...tokens.slice(0, PAGE_TOKENS + 5), -1];
    scheduler.end(start(scheduler, head, { root: ann }), true);
    expect(begin(scheduler, [...head, -2]).sequence.items).toEqual([]);
    expect(begin(scheduler, [...head, -2], { root: ann }).sequence.items).toEqual(head);
  });

  it('is the row of a picture, and not a token that looks like it', () => {
    const scheduler = schedulerOf(12);
    const text = [1, rowKey('cat', 0), rowKey('cat', 1), 2];
    const key = (items: readonly ItemKey[]) => ({ root: ann, items });
    const claim = { nTokens: 10, mayGrow: false };
    const lease = scheduler.admit({ ...claim, prompt: key(text), age: nextAge++ })!;
    scheduler.reserve(lease, text.length);
    lease.sequence.items.push(...text);
    scheduler.end(lease, true);
    const shared = (...items: ItemKey[]) => commonPrefix(lease.sequence, key(items));
    expect(shared(1, rowKey('dog', 0), rowKey('dog', 1), 2)).toBe(1);
    expect(shared(1, 0, 1, 2)).toBe(1);
    expect(shared(1, rowKey('cat', 0), rowKey('cat', 0), 2)).toBe(2);
    expect(shared(...text)).toBe(4);
  });
});

describe('a promise', () => {
  it('is made before a start, in full, and keeps others waiting until it ends', () => {
    const scheduler = schedulerOf(6);
    const first = begin(scheduler, [1], { nTokens: 4 * PAGE_TOKENS });
    expect(scheduler.nFreePages).toBe(6);
    expect(scheduler.nPromisedPages).toBe(4);
    expect(ask(scheduler, [2], { nTokens: 2 * PAGE_TOKENS + 1 })).toBeNull();
    const second = begin(scheduler, [3], { nTokens: 2 * PAGE_TOKENS });
    fill(scheduler, second, tokensOf(2, 3));
    fill(scheduler, first, tokensOf(4, 1));
    scheduler.end(first, false);
    expect(scheduler.nPromisedPages).toBe(2);
    expect(ask(scheduler, [2], { nTokens: 4 * PAGE_TOKENS })).not.toBeNull();
  });

  it('of more pages than there are is refused with both numbers', () => {
    const scheduler = schedulerOf(6);
    expect(() => ask(scheduler, [1], { nTokens: 6 * PAGE_TOKENS + 1 })).toThrow(
      expect.objectContaining({
        code: 'E_KV_FULL',
        details: { nTokens: 193, needed: 7, nPage: 6 },
      }) as Error,
    );
    expect(scheduler.nRunning).toBe(0);
  });

  it('leaves the rest to those that grow, and no more', () => {
    const scheduler = schedulerOf(6);
    const grower = start(scheduler, tokensOf(2, 1), { mayGrow: true });
    const other = begin(scheduler, [2], { nTokens: 3 * PAGE_TOKENS });
    fill(scheduler, grower, tokensOf(3, 1));
    expect(scheduler.reserve(grower, 3 * PAGE_TOKENS + 1)).toBe(false);
    expect(grower.sequence.pages).toHaveLength(3);
    fill(scheduler, other, tokensOf(3, 2));
    scheduler.end(other, true);
    // Its kept pages make way.
    fill(scheduler, grower, tokensOf(6, 1));
  });

  it('that was ended gives nothing any more', () => {
    const scheduler = schedulerOf(6);
    const lease = start(scheduler, tokensOf(2, 1));
    scheduler.end(lease, false);
    expect(scheduler.holds(lease)).toBe(false);
    expect(scheduler.reserve(lease, PAGE_TOKENS)).toBe(false);
    scheduler.end(lease, true);
    expect([scheduler.nFreePages, scheduler.nPromisedPages]).toEqual([6, 0]);
  });
});

describe('the youngest that may grow', () => {
  it('is younger than who asks, and has no full promise', () => {
    const scheduler = schedulerOf(10);
    const oldest = begin(scheduler, [1], { mayGrow: true });
    const middle = begin(scheduler, [2], { mayGrow: true });
    const youngest = begin(scheduler, [3], { mayGrow: true });
    const promised = begin(scheduler, [4]);
    expect(scheduler.youngestGrower(oldest)).toBe(youngest);
    scheduler.end(youngest, false);
    expect(scheduler.youngestGrower(oldest)).toBe(middle);
    expect(scheduler.youngestGrower(middle)).toBeNull();
    expect(scheduler.youngestGrower(promised)).toBeNull();
  });
});

describe('page tables', () => {
  it('are one for each running generation; one more waits until another ends', () => {
    const scheduler = schedulerOf(MAX_SEQUENCES + 4);
    const leases = Array.from({ length: MAX_SEQUENCES }, () => begin(scheduler, [1]));
    const slots = leases.map(({ slot }) => slot).sort((a, b) => a - b);
    expect(slots).toEqual(Array.from({ length: MAX_SEQUENCES }, (_, i) => i));
    expect(ask(scheduler, [1])).toBeNull();
    scheduler.end(leases[7]!, true);
    expect(begin(scheduler, [1]).slot).toBe(leases[7]!.slot);
  });

  it('of kept sequences go to new generations', () => {
    const scheduler = schedulerOf(100);
    for (let first = 0; first < MAX_SEQUENCES; first++) keep(scheduler, [first, 1]);
    expect(scheduler.nFreePages).toBe(100 - MAX_SEQUENCES);
    begin(scheduler, [99]);
    expect(scheduler.nFreePages).toBe(101 - MAX_SEQUENCES);
    // The oldest went.
    expect(cachedLength(scheduler, [0, 1])).toBe(0);
    expect(cachedLength(scheduler, [5, 1])).toBe(2);
  });
});

describe('when every layer looks back at most a window', () => {
  const window = 2 * PAGE_TOKENS;
  const windowed = (nPage: number) => new Scheduler({ nPage, copyPage: () => undefined, window });

  /** Evaluates `tokens` a page at a time, giving back what is passed. */
  function pass(scheduler: Scheduler, lease: Lease, tokens: readonly number[]): void {
    while (lease.sequence.items.length < tokens.length) {
      fill(scheduler, lease, tokens.slice(0, lease.sequence.items.length + PAGE_TOKENS));
      scheduler.releasePassed(lease);
    }
  }

  it('a long text needs no more pages than the window and a chunk', () => {
    const scheduler = windowed(6);
    const tokens = tokensOf(40, 1);
    const lease = begin(scheduler, [1], { nTokens: tokens.length });
    expect(scheduler.nPromisedPages).toBe(5);
    pass(scheduler, lease, tokens);
    expect(lease.sequence.nHeld).toBe(2);
    expect(scheduler.nFreePages).toBe(4);
    expect(lease.sequence.pages.slice(0, 38)).toEqual(Array(38).fill(RELEASED_PAGE));
    scheduler.end(lease, false);
    expect(scheduler.nFreePages).toBe(6);
  });

  it('pages inside the window stay', () => {
    const scheduler = windowed(6);
    const lease = begin(scheduler, [1], { nTokens: 6 * PAGE_TOKENS });
    fill(scheduler, lease, tokensOf(3, 1).slice(0, window + PAGE_TOKENS - 1));
    scheduler.releasePassed(lease);
    expect(lease.sequence.firstPosition).toBe(0);
    fill(scheduler, lease, tokensOf(3, 1));
    scheduler.releasePassed(lease);
    expect(lease.sequence.firstPosition).toBe(PAGE_TOKENS);
  });

  it('a kept text is reused where its window is still there, and nowhere before', () => {
    const scheduler = windowed(12);
    const tokens = tokensOf(8, 1);
    const first = begin(scheduler, tokens);
    pass(scheduler, first, tokens);
    scheduler.end(first, true);
    const near = begin(scheduler, [...tokens, -1, -2]);
    expect(near.sequence.items).toEqual(tokens);
    scheduler.end(near, true);
    const far = begin(scheduler, [...tokens.slice(0, 7 * PAGE_TOKENS), -1]);
    expect(far.sequence.items).toEqual([]);
    expect(far.sequence.pages).toEqual([]);
  });

  it('a text cut before what it still holds is forgotten', () => {
    const scheduler = windowed(12);
    const lease = begin(scheduler, tokensOf(8, 1));
    pass(scheduler, lease, tokensOf(8, 1));
    lease.sequence.truncate(7 * PAGE_TOKENS + 3);
    expect(lease.sequence.items).toHaveLength(7 * PAGE_TOKENS + 3);
    expect(lease.sequence.nHeld).toBe(2);
    lease.sequence.truncate(5 * PAGE_TOKENS);
    expect([lease.sequence.items, lease.sequence.pages]).toEqual([[], []]);
    expect(scheduler.nFreePages).toBe(12);
    expect(lease.sequence.firstPosition).toBe(0);
  });
});
