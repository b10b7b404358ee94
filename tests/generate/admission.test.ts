/** Who waits for a place among running generations: in which order they start, and that nobody waits without end. */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import {
  MAX_QUEUED,
  MAX_TOLD,
  MAX_UNFAIR_MS,
  SHORT_FACTOR,
} from '../../engine/generate/admission.ts';
import { WAITING_MS } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';
import { BOS, request } from '../support/requests.ts';
import {
  content,
  eventsOf,
  expectNothingHeld,
  greedyReference,
  never,
  standStill,
  steppedEngine,
} from '../support/stepped-engine.ts';

standStill();

const reference = await greedyReference(150);
/** For what each generation says alone. */
const solo = await engineFrom(STORIES_FILE, 'lossless');

describe('who cannot start', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  });
  afterEach(() => void vi.useRealTimers());
  const settle = async () => {
    for (let turn = 0; turn < 30; turn++) await setImmediate();
  };
  /** Promised all pages but one, and never read: it holds them. */
  const hold = async (engine: Engine) => {
    const stream = engine.generate(request({ maxTokens: engine.nCtx - PAGE_TOKENS - 1 }), never());
    await stream.next();
    await settle();
    return stream;
  };

  it('waits in the order of coming, and who comes later does not overtake', async () => {
    const { engine } = await steppedEngine();
    const order: number[] = [];
    // Two of 240 fit at once; the last would fit beside the third, but the fourth was there before.
    await Promise.all(
      [240, 240, 300, 240, 240, 20].map(async (maxTokens, i) => {
        await eventsOf(engine, { maxTokens, speculation: 'off', promptTokens: [BOS, i + 3] });
        order.push(i);
      }),
    );
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('of a scope without its share takes the place of one that has several', async () => {
    const { engine } = await steppedEngine();
    const order: string[] = [];
    const run = async (scope: string, i: number, maxTokens: number) => {
      const changes = { maxTokens, promptTokens: [BOS, i + 3], speculation: 'off' as const };
      const events = await eventsOf(engine, { ...changes, scope });
      order.push(scope);
      expect(content(events)).toEqual(content(await eventsOf(solo, changes)));
    };
    // Two of the greedy fill the pages, and two wait.
    const all = [0, 1, 2, 3].map((i) => run('greedy', i, 240));
    await settle();
    expect(engine.stats()).toMatchObject({ nRunning: 2, nQueued: 2 });
    all.push(run('modest', 9, 100));
    await settle();
    expect(engine.stats()).toMatchObject({ nRunning: 2, nQueued: 3 });
    vi.setSystemTime(Date.now() + MAX_UNFAIR_MS);
    await Promise.all(all);
    expect(order).toEqual(['modest', 'greedy', 'greedy', 'greedy', 'greedy']);
    await expectNothingHeld(engine);
  });

  it('and is much shorter takes the place of a long one, once', async () => {
    const { engine } = await steppedEngine();
    const order: number[] = [];
    const run = async (i: number, maxTokens: number) => {
      const changes = { maxTokens, promptTokens: [BOS, i + 3], speculation: 'off' as const };
      const events = await eventsOf(engine, changes);
      order.push(i);
      expect(content(events)).toEqual(content(await eventsOf(solo, changes)));
    };
    const long = [0, 1, 2].map((i) => run(i, 240));
    await settle();
    const short = run(3, Math.floor(100 / SHORT_FACTOR));
    const shorter = [4, 5].map((i) => run(i, 2));
    await settle();
    expect(engine.stats()).toMatchObject({ nRunning: 2, nQueued: 4 });
    vi.setSystemTime(Date.now() + MAX_UNFAIR_MS);
    await Promise.all([...long, short, ...shorter]);
    // Each of the two that ran has given way once; the third short one waits for its turn.
    expect(order.slice(0, 2).sort()).toEqual([4, 5]);
    expect(order[2]).toBe(0);
    await expectNothingHeld(engine);
  });

  it('is refused when its scope has most waiting, and makes room for another', async () => {
    const { engine } = await steppedEngine();
    const holder = await hold(engine);
    const greedy = Array.from({ length: MAX_QUEUED }, () =>
      eventsOf(engine, { maxTokens: 100, scope: 'greedy' }).catch((error: unknown) => error),
    );
    await settle();
    await expect(eventsOf(engine, { maxTokens: 100, scope: 'greedy' })).rejects.toMatchObject({
      code: 'E_BUSY',
    });
    const modest = eventsOf(engine, { maxTokens: 100, scope: 'modest' });
    await settle();
    expect(await greedy.at(-1)).toMatchObject({ code: 'E_BUSY' });
    expect(engine.stats().nQueued).toBe(MAX_QUEUED);
    await holder.return();
    expect(content(await modest)).toHaveLength(100);
    await Promise.all(greedy);
  });

  it('is started when a reader that stalls for five seconds loses its pages', async () => {
    const { engine } = await steppedEngine();
    const stalled = await hold(engine);
    const events = eventsOf(engine, { maxTokens: 100 });
    await settle();
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 1 });
    await vi.advanceTimersByTimeAsync(6000);
    expect(content(await events)).toHaveLength(100);
    // The stalled one goes on where it was.
    const rest: number[] = [];
    for await (const event of stalled) {
      if (event.type === 'token') rest.push(event.token);
      if (rest.length === 150) break;
    }
    expect(rest).toEqual(reference.slice(0, 150));
    await expectNothingHeld(engine);
  });

  it('is told to come back after two minutes while others go on', async () => {
    const { engine } = await steppedEngine();
    const holder = await hold(engine);
    const waiting = eventsOf(engine, { maxTokens: 100 }).catch((error: unknown) => error);
    for (let second = 0; second < 125; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      await settle();
      // It reads, slowly, so it is not stalled.
      if (second % 2 === 0) await holder.next();
    }
    expect(await waiting).toMatchObject({
      code: 'E_BUSY',
      details: { waitedMs: 120_000, retryAfterS: 5 },
    });
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 0 });
    await holder.return();
    await expectNothingHeld(engine);
  });

  it('is told at once when too many wait', async () => {
    const { engine } = await steppedEngine();
    const holder = await hold(engine);
    const abort = new AbortController();
    const waiting = Array.from({ length: MAX_QUEUED }, () =>
      eventsOf(engine, { maxTokens: 100 }, abort.signal).catch((error: unknown) => error),
    );
    await settle();
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: MAX_QUEUED });
    await expect(eventsOf(engine, { maxTokens: 100 })).rejects.toMatchObject({
      code: 'E_BUSY',
      details: { retryAfterS: 5 },
    });
    abort.abort();
    for (const error of await Promise.all(waiting))
      expect(error).toMatchObject({ code: 'E_ABORTED' });
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 0 });
    await holder.return();
    await expectNothingHeld(engine);
  });

  it('says so once, and is not refused after that', async () => {
    vi.useFakeTimers({
      toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
    });
    const { engine } = await steppedEngine();
    const holder = await hold(engine);
    const waiting = Array.from({ length: MAX_QUEUED }, (_, i) =>
      eventsOf(engine, {
        ...{ maxTokens: 100, scope: 'greedy', tellsWaiting: i >= MAX_QUEUED - MAX_TOLD - 1 },
      }).catch((error: unknown) => error),
    );
    await settle();
    await vi.advanceTimersByTimeAsync(3 * WAITING_MS);
    // The last but one more than may be told: it makes room for another scope.
    const modest = eventsOf(engine, { maxTokens: 100, scope: 'modest' });
    await settle();
    expect(await waiting.at(-1)).toMatchObject({ code: 'E_BUSY' });
    await holder.return();
    expect(content(await modest)).toHaveLength(100);
    const events = (await Promise.all(waiting.slice(0, -1))) as GenerateEvent[][];
    const nTold = events.map((own) => own.filter(({ type }) => type === 'waiting').length);
    const nUntold = MAX_QUEUED - MAX_TOLD - 1;
    expect(nTold).toEqual(Array.from(nTold, (_, i) => (i < nUntold ? 0 : 1)));
    for (const own of events) expect(content(own)).toHaveLength(100);
  });

  it('is served at once, however soon behind the last step of another it comes', async () => {
    // A loop that ends must not be taken for one that runs: nothing would happen until it is looked at.
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const engine = await engineFrom(STORIES_FILE, 'lossless', {
      openTurns: plainTurns(() => Promise.resolve()),
    });
    for (let nTurn = 0; nTurn < 80; nTurn++) {
      const before = eventsOf(engine, { maxTokens: 2 });
      for (let turn = 0; turn < nTurn; turn++) await Promise.resolve();
      const next = engine.generate(request({ maxTokens: 1 }), never()).next();
      const waited = setImmediate('waited').then(() => setImmediate('waited'));
      expect(await Promise.race([next, waited])).not.toBe('waited');
      await before;
    }
  });

  it('is served by a new loop when the one before was lost with its request', async () => {
    let lost = false;
    const engine = await engineFrom(STORIES_FILE, 'lossless', {
      openTurns: plainTurns(() => (lost ? new Promise<void>(() => undefined) : setImmediate())),
    });
    const first = engine.generate(request({ maxTokens: 100 }), never());
    await first.next();
    lost = true;
    await settle();
    lost = false;
    vi.setSystemTime(Date.now() + 11_000);
    expect(content(await eventsOf(engine, { maxTokens: 20 }))).toHaveLength(20);
    await first.return();
    await expectNothingHeld(engine);
  });
});
