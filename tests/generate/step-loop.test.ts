/**
 * Continuous batching over a real tiny model: what a generation says never depends on its mates, and
 * who waits, pauses or leaves holds nobody up.
 */
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../engine/generate/engine.ts';
import { MAX_UNREAD_EVENTS } from '../../engine/generate/generation.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { SamplingParams } from '../../engine/sample/params.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES } from '../../engine/model/decoder/plan.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';
import { seededRandom } from '../support/random.ts';
import { BOS, GREEDY, request } from '../support/requests.ts';
import type { RequestChanges } from '../support/requests.ts';
import {
  content,
  eventsOf,
  expectNothingHeld,
  greedyReference,
  never,
  standStill,
  steppedEngine,
  usageOf,
} from '../support/stepped-engine.ts';

standStill();

let reference: number[];
/** For what each generation says alone. */
let solo: Engine;
beforeAll(async () => {
  reference = await greedyReference(300);
  solo = await engineFrom(STORIES_FILE, 'lossless');
});

/** How a reader behaves. */
type Manner = 'reads' | 'dawdles' | 'aborts' | 'leaves' | 'sleeps';
const MANNERS: readonly Manner[] = ['reads', 'reads', 'dawdles', 'aborts', 'leaves', 'sleeps'];

describe('many generations at once', () => {
  it('say what each says alone, as they come, stall, abort and leave', async () => {
    const { engine } = await steppedEngine();
    const random = seededRandom(11);
    const below = (n: number) => Math.floor(random() * n);
    const pick = <T>(values: readonly T[]): T => values[below(values.length)]!;
    const counts = { whole: 0, part: 0, refused: 0, drafted: 0 };

    const readOne = async (changes: RequestChanges, manner: Manner, nRead: number) => {
      const abort = new AbortController();
      const events: GenerateEvent[] = [];
      let error: unknown = null;
      try {
        for await (const event of engine.generate(request(changes), abort.signal)) {
          events.push(event);
          if (manner === 'dawdles' && below(3) === 0) await setImmediate();
          if (events.length < nRead) continue;
          if (manner === 'leaves') break;
          if (manner === 'aborts') abort.abort();
          if (manner === 'sleeps' && events.length === nRead)
            for (let turn = 0; turn < 60; turn++) await setImmediate();
        }
      } catch (thrown) {
        error = thrown;
      }
      return { changes, events, error };
    };

    const running: ReturnType<typeof readOne>[] = [];
    for (let i = 0; i < 45; i++) {
      const sampling = {
        ...DEFAULT_SAMPLING,
        temperature: pick([0, 0, 0.7, 1.2]),
        topP: pick([1, 0.9]),
        repetitionPenalty: pick([1, 1, 1.2]),
        dryMultiplier: pick([0, 0.5]),
        seed: i,
      };
      const more = pick<Partial<SamplingParams>>([
        {},
        {},
        { mirostat: 2, mirostatTau: 3, topP: 1 },
        { xtcProbability: 0.5, typicalP: 0.9 },
        { topNSigma: 2, topK: 20, logitBias: [[BOS, -5]] },
      ]);
      if (sampling.temperature > 0) Object.assign(sampling, more);
      const promptTokens = [BOS, ...reference.slice(0, below(120))];
      // Some name their end, some grow as long as there is room.
      const maxTokens = pick([1, 20, 60, 120, 10_000]);
      const topLogprobs = pick([null, null, 2]);
      const speculation = pick(['auto', 'auto', 'off'] as const);
      const changes = { promptTokens, maxTokens, sampling, topLogprobs, speculation };
      running.push(readOne(changes, pick(MANNERS), 1 + below(30)));
      for (let turn = below(12); turn > 0; turn--) await setImmediate();
    }
    for (const { changes, events, error } of await Promise.all(running)) {
      if (error !== null) expect(error).toMatchObject({ code: 'E_ABORTED' });
      const got = content(events);
      const expected = content(await eventsOf(solo, { ...changes, speculation: 'off' }));
      expect(got).toEqual(expected.slice(0, got.length));
      if (got.length === expected.length) counts.whole++;
      else counts.part++;
      const last = events.at(-1);
      if (last?.type === 'done') {
        expect(got).toHaveLength(expected.length);
        counts.drafted += last.usage.draftedTokens;
      }
    }
    expect(counts.whole).toBeGreaterThan(15);
    expect(counts.part).toBeGreaterThan(8);
    // How many depends on what steps cost on this machine.
    expect(counts.drafted).toBeGreaterThan(0);
    await expectNothingHeld(engine);
  });

  it('that grow beyond the pages there are finish one after the other, each with its own text', async () => {
    const { engine } = await steppedEngine();
    const prompts = [0, 1, 2, 3, 4, 5].map((n) => [BOS, ...reference.slice(0, 20 + n)]);
    // The context's end: six times the pages.
    const results = await Promise.all(
      prompts.map((promptTokens) => eventsOf(engine, { promptTokens, maxTokens: 10_000 })),
    );
    for (const [n, events] of results.entries()) {
      expect(usageOf(events).completionTokens).toBe(engine.nCtx - 21 - n);
      expect(
        content(events)
          .map(({ token }) => token)
          .slice(0, 270),
      ).toEqual(reference.slice(20 + n, 290 + n));
    }
    await expectNothingHeld(engine);
  });

  it('share steps: eight streams take hardly more of them than one', async () => {
    const { engine, steps } = await steppedEngine();
    await eventsOf(engine, { maxTokens: 50, speculation: 'off' });
    const alone = steps.n;
    expect(alone).toBe(50);
    steps.n = 0;
    const prompts = Array.from({ length: 8 }, (_, n) => [BOS, ...reference.slice(0, n)]);
    await Promise.all(
      prompts.map((promptTokens) =>
        eventsOf(engine, { promptTokens, maxTokens: 50, speculation: 'off' }),
      ),
    );
    expect(steps.n).toBeLessThan(alone + 10);
  });

  it('are evaluated beside logits asked for by a tool', async () => {
    const { engine } = await steppedEngine();
    const tokens = [BOS, ...reference.slice(0, 99)];
    const best: number[] = [];
    const [events] = await Promise.all([
      eventsOf(engine, { maxTokens: 60 }),
      engine.evaluate(tokens, (position, logits) => {
        best[position] = logits.indexOf(Math.max(...logits));
      }),
    ]);
    expect(content(events).map(({ token }) => token)).toEqual(reference.slice(0, 60));
    expect(best).toEqual(reference.slice(0, 100));
  });

  it('go on when one of them fails on its logits', async () => {
    const { engine } = await steppedEngine();
    const [events, failed] = await Promise.all([
      eventsOf(engine, { maxTokens: 60 }),
      engine
        .evaluate([BOS, ...reference.slice(0, 60)], (position) => {
          if (position === 20) throw new Error('broken reader');
        })
        .catch((error: unknown) => error),
    ]);
    expect(String(failed)).toContain('broken reader');
    expect(content(events)).toHaveLength(60);
    await expectNothingHeld(engine);
  });
});

describe('a prompt beside running streams', () => {
  const long = () => [BOS, ...Array.from({ length: 400 }, (_, i) => reference[i % 300]!)];

  it('comes in whole chunks when nobody decodes', async () => {
    const { engine, steps } = await steppedEngine();
    await eventsOf(engine, { promptTokens: long(), maxTokens: 1 });
    expect(steps.n).toBe(Math.ceil(401 / CHUNK_TOKENS));
  });

  it('comes in small chunks when a stream decodes, by a clock that stands still', async () => {
    const { engine, steps } = await steppedEngine();
    const seen: [step: number, tokens: number][] = [];
    let n = 0;
    const stream = engine.generate(request({ maxTokens: 90, speculation: 'off' }), never());
    const streamed = (async () => {
      for await (const event of stream) if (event.type === 'token') seen.push([steps.n, ++n]);
    })();
    while (n < 5) await setImmediate();
    const before = steps.n;
    await eventsOf(engine, { promptTokens: long(), maxTokens: 1 });
    const took = steps.n - before;
    // 15 prompt tokens and the stream's one a step.
    expect(took).toBeGreaterThanOrEqual(Math.floor(401 / 15));
    expect(took).toBeLessThan(401 / 15 + 6);
    await streamed;
    // The stream got a token in every step.
    expect(seen.at(-1)[0] - seen[0]![0]).toBe(89);
  });

  it('takes turns with another prompt: a short one does not wait for a long one', async () => {
    const { engine, steps } = await steppedEngine();
    const ended: string[] = [];
    const ask = async (name: string, promptTokens: number[]) => {
      await eventsOf(engine, { promptTokens, maxTokens: 1 });
      ended.push(`${name} ${steps.n}`);
    };
    await Promise.all([ask('long', long()), ask('short', [BOS, 5, 6, 7, 8, 9, 10])]);
    expect(ended).toEqual(['short 2', 'long 9']);
  });
});

describe('a reader that stops reading', () => {
  it('pauses its own generation after a few tokens, and nobody else’s', async () => {
    const { engine, steps } = await steppedEngine();
    const stream = engine.generate(request({ maxTokens: 200, speculation: 'off' }), never());
    expect((await stream.next()).value).toMatchObject({ type: 'start' });
    for (let turn = 0; turn < 100; turn++) await setImmediate();
    expect(steps.n).toBeLessThanOrEqual(MAX_UNREAD_EVENTS + 1);
    const events = await eventsOf(engine, { maxTokens: 60, speculation: 'off' });
    expect(content(events)).toHaveLength(60);
    const before = steps.n;
    const rest: number[] = [];
    for await (const event of stream) if (event.type === 'token') rest.push(event.token);
    expect(rest).toEqual(reference.slice(0, 200));
    expect(steps.n - before).toBeGreaterThan(150);
    await expectNothingHeld(engine);
  });
});

describe('cancelling', () => {
  it('in the middle of a prompt frees the pages before the next step', async () => {
    const { engine, steps } = await steppedEngine();
    const abort = new AbortController();
    steps.after = (n) => {
      if (n === 3) abort.abort();
    };
    const promptTokens = [BOS, ...Array.from({ length: 400 }, (_, i) => reference[i % 300]!)];
    await expect(eventsOf(engine, { promptTokens }, abort.signal)).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    expect(steps.n).toBe(3);
    await expectNothingHeld(engine);
  });

  it('while it waits leaves its place in the queue', async () => {
    const { engine } = await steppedEngine();
    const first = eventsOf(engine, { maxTokens: 500 });
    const abort = new AbortController();
    const second = eventsOf(engine, { maxTokens: 500 }, abort.signal).catch((e: unknown) => e);
    const third = eventsOf(engine, { maxTokens: 300 });
    await setImmediate();
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 2 });
    abort.abort();
    expect(engine.stats()).toMatchObject({ nRunning: 1, nQueued: 1 });
    expect(await second).toMatchObject({ code: 'E_ABORTED' });
    expect(content(await first)).toHaveLength(500);
    expect(content(await third)).toHaveLength(300);
    await expectNothingHeld(engine);
  });

  it('before anything ran takes no place', async () => {
    const { engine, steps } = await steppedEngine();
    await expect(eventsOf(engine, {}, AbortSignal.abort())).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    expect(steps.n).toBe(0);
  });
});

describe('requests at the edge', () => {
  it('an empty prompt is refused, one token is enough', async () => {
    await expect(eventsOf(solo, { promptTokens: [] })).rejects.toMatchObject({
      code: 'E_REQUEST_INVALID',
      param: 'prompt',
    });
    const events = await eventsOf(solo, { promptTokens: [BOS], maxTokens: 3 });
    expect(content(events).map(({ token }) => token)).toEqual(reference.slice(0, 3));
  });

  it('more generations than page tables all end', async () => {
    const { engine } = await steppedEngine();
    const results = await Promise.all(
      Array.from({ length: MAX_SEQUENCES + 9 }, () =>
        eventsOf(engine, { maxTokens: 4, speculation: 'off' }),
      ),
    );
    for (const events of results)
      expect(content(events).map(({ token }) => token)).toEqual(reference.slice(0, 4));
  });
});

describe('speculation', () => {
  /** A text that repeats itself, so that there is something to look up. */
  const repeating = () => [BOS, ...reference.slice(0, 80), BOS, ...reference.slice(0, 20)];

  it.each([
    ['greedy', GREEDY],
    ['sampled', { ...DEFAULT_SAMPLING, temperature: 0.3, seed: 4 }],
    ['Mirostat', { ...DEFAULT_SAMPLING, temperature: 0.5, mirostat: 2 as const, mirostatTau: 2 }],
    ['with penalties', { ...DEFAULT_SAMPLING, temperature: 0.5, frequencyPenalty: 0.3, seed: 5 }],
  ])('changes nothing of a text, %s, and takes fewer steps', async (_, sampling) => {
    const ask = async (speculation: 'auto' | 'off') => {
      const { engine, steps } = await steppedEngine();
      const promptTokens = repeating();
      const changes = { promptTokens, maxTokens: 120, sampling, speculation, topLogprobs: 2 };
      const events = await eventsOf(engine, changes);
      return { events, nStep: steps.n, usage: usageOf(events) };
    };
    const [off, auto] = [await ask('off'), await ask('auto')];
    expect(content(auto.events)).toEqual(content(off.events));
    expect(off.usage).toMatchObject({ draftedTokens: 0, acceptedTokens: 0 });
    expect(off.nStep).toBe(122);
    const { draftedTokens, acceptedTokens } = auto.usage;
    expect(acceptedTokens).toBeGreaterThan(0);
    expect(acceptedTokens).toBeLessThanOrEqual(draftedTokens);
    expect(auto.nStep).toBe(off.nStep - acceptedTokens);
  });

  it('stops at a stop token inside a draft', async () => {
    const promptTokens = repeating();
    const stop = reference[30]!;
    const ask = (speculation: 'auto' | 'off') =>
      eventsOf(solo, { promptTokens, maxTokens: 60, stopTokens: [stop], speculation });
    const [off, auto] = [await ask('off'), await ask('auto')];
    expect(content(auto)).toEqual(content(off));
    expect(auto.at(-1)).toMatchObject({ reason: 'stop' });
  });

  it('what was evaluated with drafts serves the next turn', async () => {
    const { engine } = await steppedEngine();
    const promptTokens = repeating();
    const events = await eventsOf(engine, { promptTokens, maxTokens: 60 });
    const answer = content(events).map(({ token }) => token);
    const next = { promptTokens: [...promptTokens, ...answer, 5, 6], maxTokens: 30 };
    const again = await eventsOf(engine, next);
    expect(usageOf(again).cachedTokens).toBe(promptTokens.length + answer.length - 1);
    const fresh = await engineFrom(STORIES_FILE, 'lossless');
    expect(content(again)).toEqual(content(await eventsOf(fresh, next)));
  });
});
