/** Prompts of rows of embeddings: evaluated as rows, never taken for tokens, known by their hash. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { archByName } from '../../engine/archs/index.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { rowKey } from '../../engine/cache/prefix-key.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { promptLength, tokenPrompt } from '../../engine/generate/prompt.ts';
import type { Prompt, PromptSegment } from '../../engine/generate/prompt.ts';
import { Text } from '../../engine/generate/text.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import type { PositionInput } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { configOf, FAMILY_TEXT, tensorsOf } from '../support/fixture-model.ts';
import { Llama2cReference } from '../support/llama2c-reference.ts';
import { decoderFrom, engineFrom, STORIES_FILE, temporaryFolder } from '../support/models.ts';
import { familyGguf } from '../support/random-model.ts';
import { BOS, GREEDY, request } from '../support/requests.ts';
import type { RequestChanges } from '../support/requests.ts';
import { rowsSegment, tokenRows } from '../support/token-rows.ts';

const N_EMBD = 64;

let engine: Engine;
let decoder: Decoder;
/** What the model says. */
let story: number[];
beforeAll(async () => {
  engine = await engineFrom(STORIES_FILE, 'lossless');
  ({ decoder } = await decoderFrom(STORIES_FILE, 'lossless'));
  const model = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
  story = [];
  for (let token = BOS; story.length < 200; story.push(token)) {
    const logits = model.next(token);
    token = logits.indexOf(Math.max(...logits));
  }
});

async function run(changes: RequestChanges, on = engine) {
  const events: GenerateEvent[] = [];
  for await (const event of on.generate(request(changes), new AbortController().signal))
    events.push(event);
  const done = events.at(-1);
  if (done?.type !== 'done') throw new Error('no done event');
  const answer = events.flatMap((e) => (e.type === 'token' ? [e] : []));
  return { events, answer, tokens: answer.map(({ token }) => token), usage: done.usage };
}

const tokens = (ids: readonly number[]): PromptSegment => ({ kind: 'tokens', ids });

/** The bits of the logits after every input. */
function logitBits(on: Decoder, inputs: readonly PositionInput[]): string[] {
  const sequence = new Sequence(new PagePool(on.limits.nPage));
  sequence.reserve(inputs.length);
  const bits: string[] = [];
  for (let start = 0; start < inputs.length; start += on.limits.maxRows) {
    const part = inputs.slice(start, start + on.limits.maxRows);
    on.forward([{ inputs: part, sequence, slot: 0, logitsFrom: 0, adapter: null }], (_, i, row) => {
      const { buffer, byteOffset, length } = on.logits(row);
      bits[start + i] = new Uint32Array(buffer, byteOffset, length).join();
    });
  }
  return bits;
}

describe('rows that are the tokens’ own embeddings', () => {
  it('give the same log-probabilities, to the bit, as the ids', async () => {
    const ids = [BOS, ...story.slice(0, 99)];
    const changes = { maxTokens: 60, topLogprobs: 5, speculation: 'off' } as const;
    const asIds = await run({ ...changes, promptTokens: ids });
    const asRows = await run({ ...changes, prompt: [rowsSegment(decoder, ids)] });
    expect(asIds.tokens).toEqual(story.slice(99, 159));
    expect(asRows.answer).toEqual(asIds.answer);
    // Known by other keys, so that nothing of the ids' pages was used.
    expect(asRows.usage).toMatchObject({ promptTokens: 100, cachedTokens: 0 });
  });

  it.each([
    ['rows in the middle', [12, 60]],
    ['rows that end the prompt', [70, 100]],
    ['a single row', [50, 51]],
  ] as const)('mix with tokens: %s', async (_, [from, to]) => {
    const ids = [BOS, ...story.slice(0, 99)];
    const rows = rowsSegment(decoder, ids.slice(from, to));
    const prompt = [tokens(ids.slice(0, from)), rows, tokens(ids.slice(to))];
    const { tokens: said, usage } = await run({ prompt, maxTokens: 60 });
    expect(said).toEqual(story.slice(99, 159));
    expect(usage.promptTokens).toBe(100);
  });

  it.each(FAMILY_FIXTURES.filter(({ family }) => ['granite', 'gemma3', 'qwen2'].includes(family)))(
    'are not scaled again where a family scales embeddings: $family',
    async (fixture) => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'tiny.gguf');
      const arch = archByName(fixture.family);
      const gguf = familyGguf(arch, configOf(fixture), tensorsOf(fixture), fixture.gguf);
      await writeFile(file, gguf);
      const { decoder: other } = await decoderFrom(file, 'lossless');
      const rows = tokenRows(other, FAMILY_TEXT);
      const { nEmbd } = other.config;
      const inputs = FAMILY_TEXT.map((id, i) => {
        const values = rows.subarray(i * nEmbd, (i + 1) * nEmbd);
        return i % 3 === 0 ? id : { key: rowKey('x', i), values };
      });
      const bits = logitBits(other, FAMILY_TEXT);
      expect(new Set(bits).size).toBeGreaterThan(FAMILY_TEXT.length / 2);
      expect(logitBits(other, inputs)).toEqual(bits);
      const bent = inputs.map((input, i) =>
        i === 1 && typeof input === 'object'
          ? { ...input, values: input.values.map((x) => x * 1.1) }
          : input,
      );
      expect(logitBits(other, bent)[1]).not.toBe(bits[1]);
    },
  );

  it('are evaluated again when their pages went to others', async () => {
    const prompts = [0, 1, 2, 3, 4, 5].map((n) => {
      const ids = [BOS, ...story.slice(0, 20 + n)];
      return [
        tokens(ids.slice(0, 4)),
        rowsSegment(decoder, ids.slice(4, 14)),
        tokens(ids.slice(14)),
      ];
    });
    const answers = await Promise.all(prompts.map((prompt) => run({ prompt, maxTokens: 10_000 })));
    for (const [n, { tokens: said }] of answers.entries()) {
      expect(said).toHaveLength(engine.nCtx - 21 - n);
      expect(said.slice(0, 170)).toEqual(story.slice(20 + n, 190 + n));
    }
  });

  it('cross to another isolate as they are', async () => {
    const ids = [BOS, ...story.slice(0, 30)];
    const whole = request({ prompt: [tokens([BOS]), rowsSegment(decoder, ids.slice(1))] });
    const { tokens: said } = await run(structuredClone(whole));
    expect(said).toEqual(story.slice(30, 70));
  });
});

describe('what is known of rows', () => {
  const pictured = (hash: string): Prompt => [
    tokens([BOS, 5, 6, 7, 8, 9]),
    rowsSegment(decoder, story.slice(0, 40), hash),
    tokens([10, 11]),
  ];
  const cached = async (prompt: Prompt, on: Engine) =>
    (await run({ prompt, maxTokens: 1 }, on)).usage.cachedTokens;

  it('is their hash: equal ones share pages, others never do', async () => {
    const fresh = await engineFrom(STORIES_FILE, 'lossless');
    expect(await cached(pictured('a'), fresh)).toBe(0);
    // The same values under another hash: only what stands before them is shared.
    expect(await cached(pictured('b'), fresh)).toBe(6);
    expect(await cached(pictured('a'), fresh)).toBe(promptLength(pictured('a'), N_EMBD) - 1);
    expect(await cached(pictured('b'), fresh)).toBe(promptLength(pictured('b'), N_EMBD) - 1);
    // Nor do rows share with the tokens they were made from.
    const ids = [BOS, 5, 6, 7, 8, 9, ...story.slice(0, 40), 10, 11];
    expect(await cached(tokenPrompt(ids), fresh)).toBe(6);
  });

  it('includes which row of them it is', async () => {
    const fresh = await engineFrom(STORIES_FILE, 'lossless');
    const rows = tokenRows(decoder, story.slice(0, 40));
    const part = (from: number, to: number): Prompt => [
      tokens([BOS]),
      { kind: 'rows', rows: rows.slice(from * N_EMBD, to * N_EMBD), hash: 'a' },
    ];
    await cached(part(0, 40), fresh);
    expect(await cached(part(0, 20), fresh)).toBe(20);
  });

  it('is nothing to samplers and look-ups: they see tokens only', () => {
    const rows = rowsSegment(decoder, [300, 301]);
    const text = new Text([tokens([BOS, 7]), rows, tokens([8])], N_EMBD);
    expect(text).toMatchObject({ length: 5, nPrompt: 5, nPromptTokens: 3, hasRows: true });
    text.push(9);
    expect(text.tokens).toEqual([BOS, 7, 8, 9]);
    expect(text.items).toEqual([BOS, 7, '0:picture', '1:picture', 8, 9]);
    expect([1, 2, 3, 4, 5, 6].map((at) => text.tokenAt(at))).toEqual([7, null, null, 8, 9, null]);
  });

  it('a penalty takes nothing from a token whose embedding stands as a row', async () => {
    const ids = [BOS, ...story.slice(0, 60)];
    const sampling = { ...GREEDY, repetitionPenalty: 3, frequencyPenalty: 2 };
    const changes = { sampling, maxTokens: 1 };
    const likeliest = story[60]!;
    expect(ids).toContain(likeliest);
    expect((await run({ ...changes, promptTokens: ids })).tokens).not.toEqual([likeliest]);
    const rows = await run({ ...changes, prompt: [rowsSegment(decoder, ids)] });
    expect(rows.tokens).toEqual([likeliest]);
  });

  it('parts the tokens on both sides of it: they are no neighbours', async () => {
    const rows = rowsSegment(decoder, [300]);
    const text = new Text([rows, tokens([BOS, 7]), rows, rows, tokens([8]), rows], N_EMBD);
    expect(text.runStarts).toEqual([0, 0, 2, 3]);
    text.push(9);
    expect(text.runStarts).toEqual([0, 0, 2, 3, 3]);
    // A copy of what is to be said, which is one only when the row in its middle is overlooked.
    const ids = [BOS, ...story.slice(0, 60)];
    const [before, end, next] = [story[58]!, story[59]!, story[60]!];
    const split = [tokens([before, end]), rows, tokens([next, ...ids])];
    const whole = [tokens([before, end, next, ...ids])];
    const dry = { ...GREEDY, dryMultiplier: 50 };
    const firstOf = async (prompt: Prompt, sampling = GREEDY) =>
      (await run({ prompt, maxTokens: 1, sampling })).tokens;
    expect([await firstOf(split), await firstOf(whole)]).toEqual([[next], [next]]);
    expect(await firstOf(split, dry)).toEqual([next]);
    expect(await firstOf(whole, dry)).not.toEqual([next]);
  });

  it('guesses ahead change nothing of a text after rows', async () => {
    const ids = [BOS, ...story.slice(0, 80), BOS, ...story.slice(0, 20)];
    const prompt = [
      tokens(ids.slice(0, 81)),
      rowsSegment(decoder, ids.slice(81, 90)),
      tokens(ids.slice(90)),
    ];
    const draft = await engineFrom(STORIES_FILE, 'lossless');
    const drafted = await engineFrom(STORIES_FILE, 'lossless', { draft });
    const off = await run({ prompt, maxTokens: 80, speculation: 'off' });
    const auto = await run({ prompt, maxTokens: 80 }, drafted);
    expect(auto.tokens).toEqual(off.tokens);
  });

  it('log-probabilities of a prompt are null where rows stand', async () => {
    const ids = [BOS, ...story.slice(0, 9)];
    const prompt = [
      tokens(ids.slice(0, 3)),
      rowsSegment(decoder, ids.slice(3, 6)),
      tokens(ids.slice(6)),
    ];
    const logprobsOf = async (changes: RequestChanges) => {
      const { events } = await run({
        ...changes,
        maxTokens: 1,
        promptLogprobs: true,
        topLogprobs: 1,
      });
      return events.flatMap((e) => (e.type === 'prompt' ? e.logprobs : []));
    };
    const plain = await logprobsOf({ promptTokens: ids });
    const mixed = await logprobsOf({ prompt });
    expect(plain.map((entry) => entry?.token)).toEqual([undefined, ...ids.slice(1)]);
    expect(mixed).toEqual(plain.map((entry, i) => (i >= 3 && i < 6 ? null : entry)));
  });
});

describe('rows that cannot be evaluated are refused by name', () => {
  const rows = (n: number, change = (x: Float32Array) => x): Prompt => [
    tokens([BOS]),
    { kind: 'rows', rows: change(new Float32Array(n)), hash: 'a' },
  ];
  it.each([
    [
      'of another width',
      rows(100),
      'E_REQUEST_INVALID',
      'prompt[1].rows',
      /100 values.*rows of 64/,
    ],
    ['of no values', rows(0), 'E_REQUEST_INVALID', 'prompt[1].rows', /0 values.*at least one/],
    [
      'with a NaN',
      rows(128, (x) => x.fill(NaN, 70, 71)),
      ...(['E_REQUEST_INVALID', 'prompt[1].rows', /value 6 of row 1 is NaN.*finite/] as const),
    ],
    [
      'with an infinity',
      rows(64, (x) => x.fill(-Infinity, 0, 1)),
      ...(['E_REQUEST_INVALID', 'prompt[1].rows', /value 0 of row 0 is -Infinity/] as const),
    ],
    [
      'without a hash',
      [{ kind: 'rows', rows: new Float32Array(64), hash: '' }] as Prompt,
      ...(['E_REQUEST_INVALID', 'prompt[0].hash', /1 to 128 characters/] as const),
    ],
    ['too many', rows(512 * 64), 'E_PROMPT_TOO_LONG', 'messages', /513 tokens.*context.*512/],
  ] as const)('%s', async (_, prompt, code, param, message) => {
    await expect(run({ prompt })).rejects.toMatchObject({
      ...{ code, param },
      message: expect.stringMatching(message) as string,
    });
  });
});
