/** The whole engine on stories260K, a real tiny model, against a plain float32 decoder. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../engine/generate/engine.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { Llama2cReference } from '../support/llama2c-reference.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';
import { BOS, request } from '../support/requests.ts';
import type { RequestChanges } from '../support/requests.ts';

async function run(engine: Engine, changes: RequestChanges = {}) {
  const events: GenerateEvent[] = [];
  for await (const event of engine.generate(request(changes), new AbortController().signal))
    events.push(event);
  const tokens = events.flatMap((e) => (e.type === 'token' ? [e.token] : []));
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('no done event');
  return { tokens, events, reason: done.reason, usage: done.usage };
}

let reference: number[];
beforeAll(async () => {
  const model = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
  reference = [];
  for (let token = BOS; reference.length < 200; reference.push(token)) {
    const logits = model.next(token);
    token = logits.indexOf(Math.max(...logits));
  }
});

describe.each(['relaxed', 'simd'] as const)('stories260K, %s build', (kernelBuild) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineFrom(STORIES_FILE, 'lossless', { kernelBuild });
  });

  it('gives the reference its 200 greedy tokens', async () => {
    const { tokens, reason } = await run(engine, { maxTokens: 200 });
    expect(tokens).toEqual(reference);
    expect(reason).toBe('length');
  });

  it('gives the same tokens whether the prompt comes whole, in parts or from the cache', async () => {
    const prompt = [BOS, ...reference.slice(0, 99)];
    const whole = await run(engine, { promptTokens: prompt, maxTokens: 20 });
    expect(whole.tokens).toEqual(reference.slice(99, 119));
    const again = await run(engine, { promptTokens: [...prompt, ...whole.tokens], maxTokens: 20 });
    expect(again.usage.cachedTokens).toBeGreaterThanOrEqual(prompt.length);
    expect(again.tokens).toEqual(reference.slice(119, 139));
  });

  it('copies a shared beginning and leaves the longer text in the cache', async () => {
    const long = [BOS, ...reference.slice(0, 150)];
    await run(engine, { promptTokens: long, maxTokens: 1 });
    const other = [...long.slice(0, 40), 300, 301];
    const aside = await run(engine, { promptTokens: other, maxTokens: 8 });
    expect(aside.usage.cachedTokens).toBeGreaterThanOrEqual(40);
    const alone = await engineFrom(STORIES_FILE, 'lossless', { kernelBuild });
    expect(aside.tokens).toEqual((await run(alone, { promptTokens: other, maxTokens: 8 })).tokens);
    const back = await run(engine, { promptTokens: long, maxTokens: 10 });
    expect(back.usage.cachedTokens).toBe(long.length - 1);
    expect(back.tokens).toEqual(reference.slice(150, 160));
  });

  it('evaluates the same prompt again from its last token only', async () => {
    const prompt = [BOS, ...reference.slice(0, 49)];
    await run(engine, { promptTokens: prompt, maxTokens: 3 });
    const { usage, tokens } = await run(engine, { promptTokens: prompt, maxTokens: 3 });
    expect(usage.cachedTokens).toBe(prompt.length - 1);
    expect(tokens).toEqual(reference.slice(49, 52));
  });
});

describe('generation', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await engineFrom(STORIES_FILE, 'lossless');
  });

  it('interleaves many streams, each as if alone', async () => {
    const prompts = [0, 1, 2, 3, 4].map((n) => [BOS, ...reference.slice(0, n * 3)]);
    const results = await Promise.all(
      prompts.map((promptTokens) => run(engine, { promptTokens, maxTokens: 60 })),
    );
    for (const [n, { tokens }] of results.entries())
      expect(tokens).toEqual(reference.slice(n * 3, n * 3 + 60));
  });

  it('finishes all streams when their pages do not fit at once', async () => {
    // 512 positions in all; four streams of 300 need more than twice as many.
    const prompts = [0, 1, 2, 3].map((n) => [BOS, ...reference.slice(0, 20 + n)]);
    const results = await Promise.all(
      prompts.map((promptTokens) => run(engine, { promptTokens, maxTokens: 279 })),
    );
    for (const [n, { tokens }] of results.entries()) {
      expect(tokens).toHaveLength(279);
      expect(tokens.slice(0, 170)).toEqual(reference.slice(20 + n, 190 + n));
    }
    expect(engine.stats().nRunning).toBe(0);
  });

  it('gives every stream its own tokens however often others take its pages', async () => {
    const lengths = Array.from({ length: 11 }, (_, n) => 11 + n * 3);
    const results = await Promise.all(
      lengths.map((n) =>
        run(engine, { promptTokens: [BOS, ...reference.slice(0, n)], maxTokens: 300 }),
      ),
    );
    for (const [i, n] of lengths.entries())
      expect(results[i]?.tokens.slice(0, 100)).toEqual(reference.slice(n, n + 100));
  });

  it('stops at a stop token without emitting it', async () => {
    const stop = reference[10]!;
    const { tokens, reason } = await run(engine, { stopTokens: [stop] });
    expect(reason).toBe('stop');
    expect(tokens).toEqual(reference.slice(0, reference.indexOf(stop)));
  });

  it('ends with length when the context is full', async () => {
    const { tokens, reason } = await run(engine, { maxTokens: 10_000 });
    expect(tokens).toHaveLength(engine.nCtx - 1);
    expect(reason).toBe('length');
  });

  it('takes a prompt that fills the context to the last position', async () => {
    const promptTokens = Array.from({ length: engine.nCtx }, (_, i) =>
      i === 0 ? BOS : reference[i % 200]!,
    );
    const { tokens, reason, usage } = await run(engine, { promptTokens, maxTokens: 5 });
    expect({ tokens, reason, prompt: usage.promptTokens }).toEqual({
      tokens: [],
      reason: 'length',
      prompt: 512,
    });
  });

  it('refuses a longer prompt with both lengths', async () => {
    const promptTokens = new Array<number>(engine.nCtx + 1).fill(BOS);
    const error: unknown = await run(engine, { promptTokens }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(EngineError);
    expect((error as EngineError).code).toBe('E_PROMPT_TOO_LONG');
    expect((error as EngineError).message).toMatch(/513 tokens.*512/);
  });

  it.each([-1, 512, 1.5, NaN])('refuses token id %s and goes on serving', async (token) => {
    await expect(run(engine, { promptTokens: [BOS, token] })).rejects.toMatchObject({
      code: 'E_REQUEST_INVALID',
    });
    expect((await run(engine, { maxTokens: 3 })).tokens).toEqual(reference.slice(0, 3));
  });

  it('stops within one token when the caller goes away, and frees its place', async () => {
    const abort = new AbortController();
    const tokens: number[] = [];
    const drain = async () => {
      for await (const event of engine.generate(request({ maxTokens: 400 }), abort.signal)) {
        if (event.type === 'token') tokens.push(event.token);
        if (tokens.length === 5) abort.abort();
      }
    };
    await expect(drain()).rejects.toMatchObject({ code: 'E_ABORTED' });
    expect(tokens).toHaveLength(5);
    expect(engine.stats().nRunning).toBe(0);
  });

  it('samples the same text for the same seed, and other text for another', async () => {
    const sampling = { ...DEFAULT_SAMPLING, temperature: 1, seed: 7 };
    const a = await run(engine, { sampling });
    const b = await run(engine, { sampling });
    const c = await run(engine, { sampling: { ...sampling, seed: 8 } });
    expect(a.tokens).toEqual(b.tokens);
    expect(a.tokens).not.toEqual(c.tokens);
  });

  it('reports log-probabilities that agree with the reference model', async () => {
    const model = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
    const promptTokens = [BOS, ...reference.slice(0, 9)];
    const { events } = await run(engine, {
      promptTokens,
      maxTokens: 2,
      topLogprobs: 3,
      promptLogprobs: true,
    });
    const prompt = events[1];
    if (prompt?.type !== 'prompt') throw new Error('no prompt event');
    expect(prompt.logprobs[0]).toBeNull();
    for (const [i, token] of promptTokens.entries()) {
      const logits = model.next(token);
      const z = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0));
      const generated = events[2];
      const got =
        prompt.logprobs[i + 1] ?? (generated?.type === 'token' ? generated.logprob : null);
      expect(got!.logprob).toBeCloseTo(logits[got!.token]! - z, 3);
      expect(got!.top.map((t) => t.token)[0]).toBe(logits.indexOf(Math.max(...logits)));
      expect(got!.top).toHaveLength(3);
    }
  });

  it('evaluates a prompt without generating', async () => {
    const { events } = await run(engine, { maxTokens: 0, promptLogprobs: true, topLogprobs: 0 });
    expect(events.map((e) => e.type)).toEqual(['start', 'prompt', 'done']);
  });
});
