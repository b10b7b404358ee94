/**
 * The step loop over passes that take turns of the event loop: whoever joins, aborts, leaves or needs
 * pages meanwhile disturbs nobody, and texts are those of passes that return at once.
 */
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Generation } from '../../engine/generate/generation.ts';
import type { DraftModel } from '../../engine/generate/model-drafts.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { MAX_QUEUED } from '../../engine/generate/admission.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import type { BatchPart, DecoderBackend } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { engineOver } from '../support/backend-engines.ts';
import { LayeredDecoder } from '../support/layered-decoder.ts';
import { decoderFrom, STORIES_FILE } from '../support/models.ts';
import { seededRandom } from '../support/random.ts';
import { BOS, request } from '../support/requests.ts';
import type { RequestChanges } from '../support/requests.ts';

const N_CTX = 512;
const N_PAGE = 16;

/** What steps cost decides drafts and chunks: by a clock that stands still it is always the same. */
beforeEach(() => void vi.spyOn(performance, 'now').mockReturnValue(1000));
afterEach(() => void vi.restoreAllMocks());

/** One loop over one decoder, and generations that run in it. */
class Bench {
  readonly scheduler: Scheduler;
  readonly loop: StepLoop;
  readonly #decoder: DecoderBackend;
  readonly #draftModel: DraftModel | null;
  #age = 0;

  constructor(decoder: DecoderBackend, draft: DecoderBackend | null = null) {
    const schedulerOf = (of: DecoderBackend) => {
      const copyPage = (from: number, to: number): void => of.copyPage(from, to);
      return new Scheduler({ ...of.limits, copyPage });
    };
    this.#decoder = decoder;
    this.scheduler = schedulerOf(decoder);
    this.#draftModel =
      draft === null ? null : { decoder: draft, scheduler: schedulerOf(draft), tokenCost: 0.1 };
    this.loop = new StepLoop(
      decoder,
      this.scheduler,
      plainTurns(() => setImmediate()),
    );
  }

  get draftScheduler(): Scheduler | undefined {
    return this.#draftModel?.scheduler;
  }

  start(changes: RequestChanges, signal = new AbortController().signal) {
    const options = { age: this.#age++, nCtx: N_CTX, keep: true, draftModel: this.#draftModel };
    return this.loop.run(new Generation(this.#decoder, request(changes), options), signal);
  }

  async run(changes: RequestChanges, signal?: AbortSignal) {
    const events: GenerateEvent[] = [];
    for await (const event of this.start(changes, signal)) events.push(event);
    return events;
  }

  /** All pages are free or kept, and all go to one that needs them. */
  async expectNothingHeld(): Promise<void> {
    const { nRunning, nPromisedPages } = this.scheduler;
    expect({ nRunning, nPromisedPages, queued: this.loop.nQueued }).toEqual({
      ...{ nRunning: 0, nPromisedPages: 0, queued: 0 },
    });
    expect(tokensOf(await this.run({ maxTokens: N_CTX - 2 }))).toHaveLength(N_CTX - 2);
  }
}

function tokensOf(events: readonly GenerateEvent[]): number[] {
  return events.flatMap((event) => (event.type === 'token' ? [event.token] : []));
}

/** A text of other tokens for every `n`. */
const promptOf = (n: number, length = 30) => [
  BOS,
  ...Array.from({ length }, (_, i) => 260 + ((i * 11 + n * 17) % 240)),
];

let direct: Decoder;
/** For what a generation says when passes return at once. */
let solo: Bench;
beforeAll(async () => {
  ({ decoder: direct } = await decoderFrom(STORIES_FILE, 'lossless'));
  solo = new Bench(direct);
});

async function layered() {
  const decoder = new LayeredDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
  return { decoder, bench: new Bench(decoder) };
}

describe('generations that come and go in the middle of passes', () => {
  it('say what each says alone', async () => {
    const { decoder, bench } = await layered();
    const random = seededRandom(5);
    const below = (n: number) => Math.floor(random() * n);
    const counts = { whole: 0, part: 0, cached: 0, inPass: 0 };
    const readOne = async (changes: RequestChanges, manner: number, nRead: number) => {
      const abort = new AbortController();
      const events: GenerateEvent[] = [];
      try {
        for await (const event of bench.start(changes, abort.signal)) {
          events.push(event);
          if (events.length < nRead) continue;
          if (manner === 1) break;
          // In whatever layer the next pass is by then.
          for (let turn = below(6); turn > 0; turn--) await setImmediate();
          if (manner === 2) {
            if (decoder.isRunning) counts.inPass++;
            abort.abort();
          }
        }
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_ABORTED' });
      }
      return { changes, events };
    };
    const running: ReturnType<typeof readOne>[] = [];
    for (let i = 0; i < 40; i++) {
      const sampling = { ...DEFAULT_SAMPLING, temperature: below(2), topP: 0.9, seed: i };
      const maxTokens = [1, 20, 60, 10_000][below(4)]!;
      const promptTokens = promptOf(below(6), 5 + below(90));
      running.push(readOne({ sampling, maxTokens, promptTokens }, below(4), 1 + below(25)));
      for (let turn = below(20); turn > 0; turn--) await setImmediate();
    }
    for (const { changes, events } of await Promise.all(running)) {
      const got = tokensOf(events);
      const expected = tokensOf(await solo.run(changes));
      expect(got).toEqual(expected.slice(0, got.length));
      const last = events.at(-1);
      if (last?.type !== 'done') counts.part++;
      else {
        expect(got).toHaveLength(expected.length);
        counts.whole++;
        counts.cached += last.usage.cachedTokens;
      }
    }
    expect(counts.whole).toBeGreaterThan(15);
    expect(counts.part).toBeGreaterThan(5);
    expect(counts.cached).toBeGreaterThan(50);
    expect(counts.inPass).toBeGreaterThan(2);
    await bench.expectNothingHeld();
  });

  it('grow beyond the pages there are, each with its own text', async () => {
    const { bench } = await layered();
    const asked = [0, 1, 2, 3].map((n) => ({ promptTokens: promptOf(n), maxTokens: 10_000 }));
    const answers = await Promise.all(asked.map((changes) => bench.run(changes)));
    for (const [i, changes] of asked.entries())
      expect(tokensOf(answers[i]!)).toEqual(tokensOf(await solo.run(changes)));
    await bench.expectNothingHeld();
  });

  it('have drafts of a model whose passes take turns, too', async () => {
    const { decoder } = await layered();
    const { decoder: draft } = await layered();
    const bench = new Bench(decoder, draft);
    const changes = { promptTokens: promptOf(1), maxTokens: 80 };
    const events = await bench.run(changes);
    expect(tokensOf(events)).toEqual(tokensOf(await solo.run(changes)));
    const done = events.at(-1);
    expect(done?.type === 'done' && done.usage.acceptedTokens).toBeGreaterThan(20);
    // One leaves while its draft is made: what the draft model holds of it is given back after.
    const abort = new AbortController();
    draft.passes.between = () => abort.abort();
    const left = bench.run({ promptTokens: promptOf(2), maxTokens: 80 }, abort.signal);
    await expect(left).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect([draft.isRunning, bench.draftScheduler?.nRunning]).toEqual([true, 1]);
    for (let turn = 0; turn < 60; turn++) await setImmediate();
    expect(bench.draftScheduler).toMatchObject({ nRunning: 0, nPromisedPages: 0 });
    draft.passes.between = () => undefined;
    await bench.expectNothingHeld();
  });
});

describe('in the middle of a pass', () => {
  it('who aborts ends at once for its reader, and its pages are free when the pass is', async () => {
    const { decoder, bench } = await layered();
    const { scheduler } = bench;
    const abort = new AbortController();
    const aborted = bench.run({ promptTokens: promptOf(1, 200) }, abort.signal);
    const other = bench.run({ promptTokens: promptOf(2), maxTokens: 30 });
    const seen: [running: number, free: number][] = [];
    decoder.passes.between = () => {
      if (decoder.passes.n !== 2) return;
      abort.abort();
      seen.push([scheduler.nRunning, scheduler.nFreePages]);
    };
    await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(decoder.isRunning).toBe(true);
    expect(scheduler.nRunning).toBe(2);
    const events = await other;
    // Held through every layer of the pass.
    expect(new Set(seen.map(([nRunning, nFree]) => `${nRunning} ${nFree}`)).size).toBe(1);
    expect(seen[0]![0]).toBe(2);
    expect(tokensOf(events)).toEqual(
      tokensOf(await solo.run({ promptTokens: promptOf(2), maxTokens: 30 })),
    );
    // What was evaluated of it is kept: two chunks.
    const again = await bench.run({ promptTokens: promptOf(1, 200), maxTokens: 1 });
    const done = again.at(-1);
    expect(done?.type === 'done' && done.usage.cachedTokens).toBeGreaterThan(40);
    await bench.expectNothingHeld();
  });

  it('who comes starts in the next one, up to the length of the queue', async () => {
    const { decoder, bench } = await layered();
    const late: Promise<GenerateEvent[] | Error>[] = [];
    const running: number[] = [];
    const caught = (error: unknown) => error as Error;
    decoder.passes.between = () => {
      if (decoder.passes.n !== 3) return;
      if (late.length === 0)
        for (let i = 0; i <= MAX_QUEUED; i++)
          late.push(bench.run({ promptTokens: [BOS, 300 + i], maxTokens: 1 }).catch(caught));
      running.push(bench.scheduler.nRunning);
    };
    const first = await bench.run({ promptTokens: promptOf(1), maxTokens: 20, speculation: 'off' });
    expect(new Set(running)).toEqual(new Set([1]));
    const answers = await Promise.all(late);
    expect(answers.at(-1)).toMatchObject({ code: 'E_BUSY', details: { retryAfterS: 5 } });
    for (const answer of answers.slice(0, -1))
      expect(tokensOf(answer as GenerateEvent[])).toHaveLength(1);
    expect(tokensOf(first)).toEqual(
      tokensOf(await solo.run({ promptTokens: promptOf(1), maxTokens: 20 })),
    );
    await bench.expectNothingHeld();
  });
});

describe('an engine that is closed in the middle of a pass', () => {
  async function opened() {
    const decoder = new LayeredDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
    const turns = { nOpen: 0, nClosed: 0 };
    const engine = engineOver(decoder, {
      openTurns: () => {
        turns.nOpen++;
        return { next: () => setImmediate(), close: () => void turns.nClosed++ };
      },
    });
    const run = async (changes: RequestChanges, signal = new AbortController().signal) => {
      const events: GenerateEvent[] = [];
      for await (const event of engine.generate(request(changes), signal)) events.push(event);
      return tokensOf(events);
    };
    /** Calls `then` once, in the middle of pass `n`. */
    const during = (n: number, then: () => void): void => {
      decoder.passes.between = () => {
        if (decoder.passes.n !== n) return;
        decoder.passes.between = () => undefined;
        then();
      };
    };
    return { decoder, engine, turns, run, during };
  }
  const idle = { nRunning: 0, nQueued: 0, nPromisedPages: 0 };

  it('lets those who run or wait end with their own texts, and takes nobody new', async () => {
    const { engine, turns, run, during } = await opened();
    const closed = Promise.withResolvers<void>();
    during(3, () => {
      engine.close();
      closed.resolve();
    });
    // Two take all pages, so that the third waits.
    const asked = [
      { promptTokens: promptOf(1), maxTokens: 200 },
      { promptTokens: promptOf(2), maxTokens: 200 },
      { promptTokens: promptOf(3), maxTokens: 300 },
    ];
    const running = asked.map((changes) => run(changes));
    // Asked for before, begun after: nothing of it has run.
    const unread = engine.generate(request({}), new AbortController().signal);
    await closed.promise;
    expect(engine.stats()).toMatchObject({ nRunning: 2, nQueued: 1 });
    const refusal = {
      code: 'E_BACKEND_UNAVAILABLE',
      message: expect.stringContaining('stories') as string,
    };
    await expect(run({})).rejects.toMatchObject(refusal);
    await expect(unread.next()).rejects.toMatchObject(refusal);
    await expect(engine.evaluate([BOS], () => {})).rejects.toMatchObject(refusal);
    engine.close();
    for (const [i, changes] of asked.entries())
      expect(await running[i]).toEqual(tokensOf(await solo.run(changes)));
    await setImmediate();
    expect(engine.stats()).toMatchObject(idle);
    expect(turns.nOpen).toBe(turns.nClosed);
  });

  it('gives back the pages of who aborts then, and rests', async () => {
    const { decoder, engine, turns, run, during } = await opened();
    const abort = new AbortController();
    during(4, () => {
      abort.abort();
      engine.close();
    });
    const aborted = run({ promptTokens: promptOf(1), maxTokens: 200 }, abort.signal);
    await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' });
    // Its host may drop the engine now, but the pass still writes.
    expect([decoder.isRunning, engine.stats().nRunning]).toEqual([true, 1]);
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    expect(decoder.isRunning).toBe(false);
    expect(decoder.passes.n).toBe(4);
    expect(engine.stats()).toMatchObject(idle);
    expect(turns).toEqual({ nOpen: 1, nClosed: 1 });
  });

  it('fails those who are in it when it fails, and whoever waits goes on', async () => {
    const gated = new GatedDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
    const engine = engineOver(gated);
    const read = async (changes: RequestChanges) => {
      const events: GenerateEvent[] = [];
      for await (const event of engine.generate(request(changes), new AbortController().signal))
        events.push(event);
      return tokensOf(events);
    };
    const { promise, reject } = Promise.withResolvers<void>();
    gated.gate = promise;
    const changes = { promptTokens: promptOf(2), maxTokens: 300 };
    const failed = read({ promptTokens: promptOf(1), maxTokens: 400 }).catch(String);
    await setImmediate();
    const waiting = read(changes);
    await setImmediate();
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 1 });
    engine.close();
    gated.gate = null;
    reject(new Error('the ring broke'));
    expect(await failed).toContain('the ring broke');
    expect(await waiting).toEqual(tokensOf(await solo.run(changes)));
    expect(engine.stats()).toMatchObject(idle);
  });
});

/** Passes that wait for what a test lets happen. */
class GatedDecoder implements DecoderBackend {
  gate: Promise<void> | null = null;
  readonly #decoder: Decoder;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get config() {
    return this.#decoder.config;
  }

  get limits() {
    return this.#decoder.limits;
  }

  async forward(parts: readonly BatchPart[], visit: (p: number, i: number, row: number) => void) {
    await this.gate;
    this.#decoder.forward(parts, visit);
  }

  logits = (row: number) => this.#decoder.logits(row);
  argmax = (row: number) => this.#decoder.argmax(row);
  sumExp = (row: number, top: number) => this.#decoder.sumExp(row, top);
  copyPage = (from: number, to: number) => this.#decoder.copyPage(from, to);
}

describe('a pass', () => {
  it('that fails ends those who are in it, also who left, and nobody else', async () => {
    const gated = new GatedDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
    const bench = new Bench(gated);
    const { promise, reject } = Promise.withResolvers<void>();
    gated.gate = promise;
    const abort = new AbortController();
    const prompts = [promptOf(1), promptOf(2)];
    const [failed, left] = [
      bench.run({ promptTokens: prompts[0]! }).catch((error: unknown) => error),
      bench.run({ promptTokens: prompts[1]! }, abort.signal).catch((error: unknown) => error),
    ];
    await setImmediate();
    abort.abort();
    const late = bench.run({ promptTokens: promptOf(3), maxTokens: 10 });
    gated.gate = null;
    reject(new Error('the ring broke'));
    expect(String(await failed)).toContain('the ring broke');
    expect(await left).toMatchObject({ code: 'E_ABORTED' });
    expect(tokensOf(await late)).toHaveLength(10);
    // What their pages hold is unknown: nothing of them is kept.
    for (const promptTokens of prompts) {
      const done = (await bench.run({ promptTokens, maxTokens: 1 })).at(-1);
      expect(done?.type === 'done' && done.usage.cachedTokens).toBe(1);
    }
    await bench.expectNothingHeld();
  });

  it('that never comes back is given up after two minutes, and what it does later is ignored', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
    try {
      const gated = new GatedDecoder((await decoderFrom(STORIES_FILE, 'lossless')).decoder);
      const bench = new Bench(gated);
      const { promise, resolve } = Promise.withResolvers<void>();
      gated.gate = promise;
      const lost = bench.run({ promptTokens: promptOf(1) }).catch((error: unknown) => error);
      await setImmediate();
      const next = Promise.withResolvers<void>();
      gated.gate = next.promise;
      // A pass may take long: nobody starts another beside it.
      vi.setSystemTime(Date.now() + 100_000);
      const waiting = bench.run({ promptTokens: promptOf(2), maxTokens: 20 });
      await setImmediate();
      expect(bench.scheduler.nRunning).toBe(1);
      vi.setSystemTime(Date.now() + 30_000);
      const last = bench.run({ promptTokens: promptOf(3), maxTokens: 20 });
      expect(await lost).toMatchObject({ code: 'E_BACKEND_UNAVAILABLE' });
      await setImmediate();
      // It comes back in the middle of the next pass, whose peace is kept.
      resolve();
      await setImmediate();
      const third = bench.run({ promptTokens: promptOf(4), maxTokens: 20 });
      await setImmediate();
      expect(bench.scheduler.nRunning).toBe(2);
      gated.gate = null;
      next.resolve();
      for (const [i, events] of (await Promise.all([waiting, last, third])).entries()) {
        const alone = await solo.run({ promptTokens: promptOf(2 + i), maxTokens: 20 });
        expect(tokensOf(events)).toEqual(tokensOf(alone));
      }
      await bench.expectNothingHeld();
    } finally {
      vi.useRealTimers();
    }
  });
});

it('costs no turn of the event loop where a pass returns at once', async () => {
  const bench = new Bench(direct);
  expect(direct.limits.nPage).toBe(N_PAGE);
  const steps: number[] = [];
  const spy = vi.spyOn(direct, 'forward');
  const loop = new StepLoop(
    direct,
    bench.scheduler,
    plainTurns(() => {
      // In the very turn of the pass.
      steps.push(spy.mock.calls.length);
      return setImmediate();
    }),
  );
  const options = { age: 0, nCtx: N_CTX, keep: false, draftModel: null };
  const asked = request({ maxTokens: 5, speculation: 'off' });
  for await (const event of loop.run(
    new Generation(direct, asked, options),
    new AbortController().signal,
  ))
    void event;
  expect(steps).toEqual([1, 2, 3, 4, 5]);
  expect(spy.mock.results.map(({ value }) => value as unknown)).toEqual(Array(5).fill(undefined));
});
