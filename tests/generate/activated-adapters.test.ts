/** Activated adapters: what comes before the invocation is the base's, to the bit, and is shared with it. */
import { beforeAll, describe, expect, it } from 'vitest';
import { plainTurns } from '../../engine/base/turns.ts';
import { Generation } from '../../engine/generate/generation.ts';
import { HeldAdapters } from '../../engine/generate/held-adapters.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import type { BatchPart } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { randomAdapter } from '../support/adapter-fixtures.ts';
import { decoderFrom, STORIES_FILE } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { BOS, request } from '../support/requests.ts';

const INVOCATION = [44, 71, 9];
const BEFORE = [BOS, ...INVOCATION, ...randomTokens(60)];
const PROMPT = [...BEFORE, ...INVOCATION, 12, 13];
const ADAPTER = { id: 'active' };

let decoder: Decoder;
beforeAll(async () => {
  const loaded = await decoderFrom(STORIES_FILE, 'lossless', { adapterBytes: 1 << 20 });
  decoder = loaded.decoder;
  decoder.addAdapter({ ...randomAdapter(loaded.manifest, 6), ...ADAPTER });
});

/** Loops over one cache, and what their passes consisted of. */
function newLoop() {
  const parts: { start: number; n: number; adapter: string | null }[] = [];
  const watched = new Proxy(decoder, {
    get(target, name) {
      if (name === 'forward')
        return (passParts: readonly BatchPart[], visit?: Parameters<Decoder['forward']>[1]) => {
          for (const { sequence, inputs, adapter } of passParts)
            parts.push({
              ...{ start: sequence.items.length, n: inputs.length, adapter: adapter?.id ?? null },
            });
          target.forward(passParts, visit);
        };
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const copyPage = (from: number, to: number): void => decoder.copyPage(from, to);
  const scheduler = new Scheduler({ ...decoder.limits, copyPage });
  const loop = new StepLoop(
    watched,
    scheduler,
    plainTurns(() => Promise.resolve()),
  );
  let age = 0;
  const say = async (prompt: readonly number[], activation: readonly number[] | null) => {
    const asked = request({ promptTokens: prompt, maxTokens: 12, topLogprobs: 5 });
    const options = { age: age++, nCtx: 512, keep: true, draftModel: null };
    const adapter = activation === null ? null : ADAPTER;
    const generation = new Generation(watched, asked, { ...options, adapter, activation });
    const events: unknown[] = [];
    let cached = -1;
    for await (const event of loop.run(generation, new AbortController().signal)) {
      if (event.type === 'token') events.push([event.token, event.logprob]);
      if (event.type === 'done') cached = event.usage.cachedTokens;
    }
    return { events, cached };
  };
  return { say, parts };
}

describe('an activated adapter', () => {
  it('applies from the last invocation on, its tokens included', async () => {
    const { say, parts } = newLoop();
    await say(PROMPT, INVOCATION);
    const activeFrom = BEFORE.length;
    for (const { start, n, adapter } of parts) {
      expect(start < activeFrom && start + n > activeFrom).toBe(false);
      expect(adapter).toBe(start < activeFrom ? null : ADAPTER.id);
    }
    expect(parts.some(({ adapter }) => adapter === null)).toBe(true);
  });

  it('takes the keys and values that the base left, and gives the same as from nothing', async () => {
    const cold = await newLoop().say(PROMPT, INVOCATION);
    expect(cold.cached).toBe(0);
    const { say } = newLoop();
    await say(BEFORE, null);
    const warm = await say(PROMPT, INVOCATION);
    expect(warm.cached).toBe(BEFORE.length);
    expect(warm.events).toEqual(cold.events);
  });

  it('leaves the base what comes before, and nothing of what comes after', async () => {
    const cold = await newLoop().say(PROMPT, null);
    const { say } = newLoop();
    await say(PROMPT, INVOCATION);
    const warm = await say(PROMPT, null);
    expect(warm.cached).toBe(BEFORE.length);
    expect(warm.events).toEqual(cold.events);
    expect(cold.events).not.toEqual((await say(PROMPT, INVOCATION)).events);
  });

  it('finds its own rows again', async () => {
    const { say } = newLoop();
    const first = await say(PROMPT, INVOCATION);
    const second = await say(PROMPT, INVOCATION);
    expect(second).toEqual({ events: first.events, cached: PROMPT.length - 1 });
  });

  it('is the base where its invocation does not occur', async () => {
    const { say, parts } = newLoop();
    const prompt = PROMPT.filter((token) => token !== INVOCATION[0]);
    const base = await newLoop().say(prompt, null);
    expect((await say(prompt, INVOCATION)).events).toEqual(base.events);
    expect(parts.every(({ adapter }) => adapter === null)).toBe(true);
  });
});

describe('adapters that a decoder holds', () => {
  /** Room for two, and for no third. */
  const smallDecoder = () => decoderFrom(STORIES_FILE, 'lossless', { adapterBytes: 440_000 });

  it('gives up the least recently used that nobody uses, and waits for one otherwise', async () => {
    const { decoder: small, manifest } = await smallDecoder();
    const held = new HeldAdapters(small);
    const nLoad: Record<string, number> = {};
    const use = (id: string) =>
      held.use({
        ...{ id, file: null },
        load: () => {
          nLoad[id] = (nLoad[id] ?? 0) + 1;
          return Promise.resolve({ ...randomAdapter(manifest, id.length), id });
        },
      });
    const releaseA = await use('a');
    const releaseB = await use('bb');
    releaseB();
    const releaseC = await use('ccc');
    expect(held.ids).toEqual(['a', 'ccc']);
    let isLoaded = false;
    const waiting = use('bb').then((release) => {
      isLoaded = true;
      return release;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isLoaded).toBe(false);
    releaseA();
    releaseA();
    const releaseAgain = await waiting;
    expect(held.ids).toEqual(['ccc', 'bb']);
    releaseC();
    releaseAgain();
    // Loaded once for users at the same time, and for those after them.
    const many = await Promise.all(Array.from({ length: 5 }, () => use('bb')));
    for (const release of many) release();
    expect(nLoad).toEqual({ a: 1, bb: 2, ccc: 1 });
  });

  it('forgets a failure, and refuses what would not fit alone', async () => {
    const { decoder: small, manifest } = await smallDecoder();
    const held = new HeldAdapters(small);
    const tensors = { ...randomAdapter(manifest, 1), id: 'x' };
    const source = (load: () => Promise<typeof tensors>) => ({ id: 'x', file: null, load });
    await expect(held.use(source(() => Promise.reject(new Error('storage'))))).rejects.toThrow(
      'storage',
    );
    expect(held.ids).toEqual([]);
    const release = await held.use(source(() => Promise.resolve(tensors)));
    expect(held.ids).toEqual(['x']);
    release();
    const { decoder: none } = await decoderFrom(STORIES_FILE, 'lossless');
    await expect(
      new HeldAdapters(none).use(source(() => Promise.resolve(tensors))),
    ).rejects.toMatchObject({ code: 'E_MEMORY_BUDGET' });
  });
});
