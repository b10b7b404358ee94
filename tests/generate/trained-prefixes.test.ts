/** Trained prefixes: a text that begins with one has the logits of the text that the prefix was made of, and what follows. */
import { beforeAll, describe, expect, it } from 'vitest';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { Engine } from '../../engine/generate/engine.ts';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import type { GenerateEvent, GenerateRequest } from '../../engine/generate/types.ts';
import type {
  AdapterHandle,
  AdapterTensors,
  BatchPart,
  DecoderBackend,
} from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { prefixBytes } from '../../engine/model/decoder/prefix-pages.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { decoderFrom, sourceFrom, STORIES_FILE } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { BOS, request } from '../support/requests.ts';
import { prefixOf, prefixTensors } from '../support/trained-prefix.ts';

/** No whole number of pages. */
const N_PREFIX = 45;
const ALL = [BOS, ...randomTokens(N_PREFIX + 30)];
const TEXT = ALL.slice(N_PREFIX);
/** Keys and values are halves in both, and made by other kernels. Measured: 4.4e-3. */
const LOGIT_DIFFERENCE = 3e-2;
const ROOM = { adapterBytes: 1 << 20 };

let tensors: AdapterTensors;
beforeAll(async () => {
  const source = await sourceFrom(STORIES_FILE, 'lossless');
  tensors = prefixTensors('story', await prefixOf(source, ALL.slice(0, N_PREFIX)));
});

/** Logits of texts side by side, `nEach` rows of each a pass. */
async function logitsOf(
  decoder: DecoderBackend,
  texts: readonly { readonly tokens: readonly number[]; readonly adapter: AdapterHandle | null }[],
  nEach: number,
): Promise<Float32Array[][]> {
  const pool = new PagePool(decoder.limits.nPage);
  const seen: Float32Array[][] = texts.map(() => []);
  const sequences = texts.map(({ tokens, adapter }) => {
    const sequence = new Sequence(pool);
    sequence.reserve(tokens.length + (adapter?.nPrefix ?? 0));
    return sequence;
  });
  const longest = Math.max(...texts.map(({ tokens }) => tokens.length));
  for (let at = 0; at < longest; at += nEach) {
    const parts: BatchPart[] = [];
    const indices: number[] = [];
    for (const [slot, { tokens, adapter }] of texts.entries()) {
      const inputs = tokens.slice(at, at + nEach);
      if (inputs.length === 0) continue;
      parts.push({ sequence: sequences[slot]!, inputs, slot, logitsFrom: 0, adapter });
      indices.push(slot);
    }
    await decoder.forward(parts, (part, index, row) => {
      seen[indices[part]!]![at + index] = decoder.logits(row).slice();
    });
  }
  return seen;
}

function largestGap(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  expect(a).toHaveLength(b.length);
  return a.reduce(
    (most, row, i) => row.reduce((m, x, id) => Math.max(m, Math.abs(x - b[i]![id]!)), most),
    0,
  );
}

describe('a decoder', () => {
  let decoder: Decoder;
  let story: AdapterHandle;
  beforeAll(async () => {
    ({ decoder } = await decoderFrom(STORIES_FILE, 'lossless', ROOM));
    story = decoder.addAdapter(tensors);
  });

  it('goes on after a prefix as after the text that it was made of', async () => {
    expect(story).toEqual({ id: 'story', nPrefix: N_PREFIX });
    const [whole] = await logitsOf(decoder, [{ tokens: ALL, adapter: null }], 12);
    const [after] = await logitsOf(decoder, [{ tokens: TEXT, adapter: story }], 12);
    const [alone] = await logitsOf(decoder, [{ tokens: TEXT, adapter: null }], 12);
    expect(largestGap(whole!.slice(N_PREFIX), after!)).toBeLessThan(LOGIT_DIFFERENCE);
    expect(largestGap(whole!.slice(N_PREFIX), alone!)).toBeGreaterThan(1);
  });

  it('gives rows with a prefix and rows without in one pass what each has alone, to the bit', async () => {
    const texts = [
      { tokens: TEXT, adapter: null },
      { tokens: TEXT, adapter: story },
      { tokens: TEXT.slice(0, 7), adapter: story },
    ];
    const alone = [];
    for (const text of texts) alone.push((await logitsOf(decoder, [text], 9))[0]);
    expect(await logitsOf(decoder, texts, 9)).toEqual(alone);
  });

  it('begins a sequence with the keys of its prefix, once', () => {
    const sequence = new Sequence(new PagePool(decoder.limits.nPage));
    sequence.reserve(N_PREFIX + 2);
    for (const token of [BOS, BOS + 1]) {
      decoder.forward([{ sequence, inputs: [token], slot: 0, logitsFrom: 1, adapter: story }]);
    }
    expect(sequence.items).toHaveLength(N_PREFIX + 2);
    expect(sequence.items.slice(N_PREFIX)).toEqual([BOS, BOS + 1]);
    expect(new Set(sequence.items).size).toBe(N_PREFIX + 2);
  });

  it('refuses a handle with another number of positions, and pages that do not reach', () => {
    const sequence = new Sequence(new PagePool(decoder.limits.nPage));
    const part = { sequence, inputs: [BOS], slot: 0, logitsFrom: 1 };
    const forward = (adapter: AdapterHandle) => () => decoder.forward([{ ...part, adapter }]);
    sequence.reserve(N_PREFIX);
    expect(forward({ id: 'story', nPrefix: 64 })).toThrow(/no pages for 65 tokens/);
    sequence.reserve(65);
    expect(forward({ id: 'story', nPrefix: 64 })).toThrow(/a prefix of 45 positions, not 64/);
    expect(sequence.items).toHaveLength(0);
  });

  it.each([
    [{ ...{ nPosition: 44 } }, 'E_TENSOR_SHAPE', /layer 0: expected \[44, 32\]/],
    [{ layers: new Map() }, 'E_TENSOR_MISSING', /layer 0 of its prefix is missing/],
  ])('refuses a prefix of other sizes: %j', (changes, code, message) => {
    const other = { ...tensors, id: 'other', prefix: { ...tensors.prefix!, ...changes } };
    const add = () => decoder.addAdapter(other);
    expect(add).toThrow(expect.objectContaining({ code }) as Error);
    expect(add).toThrow(message);
  });

  it('takes the room that was planned for it, and no more', async () => {
    const { manifest, decoder: roomy } = await decoderFrom(STORIES_FILE, 'lossless', ROOM);
    const bytes = prefixBytes(roomy.plan.kv, manifest.config.nLayer, N_PREFIX);
    const { decoder: exact } = await decoderFrom(STORIES_FILE, 'lossless', { adapterBytes: bytes });
    expect(exact.addAdapter(tensors)).toEqual(story);
    const less = await decoderFrom(STORIES_FILE, 'lossless', { adapterBytes: bytes - 64 });
    expect(() => less.decoder.addAdapter(tensors)).toThrow(/adapters would take \d+ bytes/);
  });
});

describe('an engine', () => {
  let engine: Engine;
  const adapter = { id: 'story', activation: null, nPrefix: N_PREFIX };
  beforeAll(async () => {
    const source = await sourceFrom(STORIES_FILE, 'lossless');
    engine = await Engine.load(source, await loadKernelModules(), { ...ROOM, nCtx: 192 });
    await engine.useAdapter({ id: 'story', file: null, load: () => Promise.resolve(tensors) });
  });

  async function run(changes: Partial<GenerateRequest>): Promise<GenerateEvent[]> {
    const events: GenerateEvent[] = [];
    const asked = { ...request({ promptTokens: TEXT.slice(0, 8), maxTokens: 20 }), ...changes };
    const { signal } = new AbortController();
    for await (const event of engine.generate(asked, signal)) events.push(event);
    return events;
  }
  const tokensOf = (events: readonly GenerateEvent[]): number[] =>
    events.flatMap((event) => (event.type === 'token' ? [event.token] : []));
  const usageOf = (events: readonly GenerateEvent[]) => {
    const done = events.at(-1)!;
    return done.type === 'done' ? done.usage : null;
  };

  it('says after a prefix what it says after its text, and counts only what was asked', async () => {
    const whole = await run({ prompt: tokenPrompt(ALL.slice(0, N_PREFIX + 8)) });
    const after = await run({ adapter });
    expect(tokensOf(after)).toHaveLength(20);
    expect(tokensOf(after)).toEqual(tokensOf(whole));
    expect(tokensOf(await run({}))).not.toEqual(tokensOf(whole));
    expect(usageOf(after)).toMatchObject({ promptTokens: 8, completionTokens: 20 });
  });

  it('finds what it has kept of a text with the same prefix, and of no other', async () => {
    const prompt = tokenPrompt(randomTokens(20));
    expect(usageOf(await run({ prompt, adapter }))!.cachedTokens).toBeLessThan(4);
    expect(usageOf(await run({ prompt, adapter }))!.cachedTokens).toBe(19);
    expect(usageOf(await run({ prompt }))!.cachedTokens).toBeLessThan(4);
    const scoped = await run({ prompt, adapter, scope: 'somebody else' });
    expect(usageOf(scoped)!.cachedTokens).toBe(0);
  });

  it('reports the same log-probabilities of a prompt with a prefix whether it was kept or not', async () => {
    const about = { adapter, topLogprobs: 2, promptLogprobs: true, maxTokens: 3 };
    const [first, again] = [await run(about), await run(about)];
    const prompts = [first, again].map((events) => events.find(({ type }) => type === 'prompt'));
    expect(prompts[0]).toMatchObject({ logprobs: { length: 8 } });
    expect(prompts[1]).toEqual(prompts[0]);
    expect(tokensOf(again)).toEqual(tokensOf(first));
  });

  it('gives many at once what each has alone', async () => {
    const asked = Array.from({ length: 6 }, (_, i) => ({
      prompt: tokenPrompt(randomTokens(5 + i)),
      ...(i % 2 === 0 ? { adapter } : {}),
      maxTokens: 12,
    }));
    const alone = [];
    for (const one of asked) alone.push(tokensOf(await run(one)));
    const all = await Promise.all(asked.map((one) => run(one)));
    expect(all.map(tokensOf)).toEqual(alone);
  });

  it('has as much less context, and refuses what does not fit into the rest', async () => {
    const prompt = tokenPrompt(randomTokens(192 - N_PREFIX));
    await expect(run({ prompt: tokenPrompt(randomTokens(148)), adapter })).rejects.toThrow(
      /148 tokens, but this model's maximum context length is 147 tokens/,
    );
    expect(usageOf(await run({ prompt, adapter, maxTokens: 5 }))).toMatchObject({
      completionTokens: 0,
    });
    await expect(run({ adapter: { ...adapter, nPrefix: 192 } })).rejects.toMatchObject({
      code: 'E_MEMORY_BUDGET',
    });
  });
});
