/** Generations held to a grammar: valid to the end, whatever the room, the mates and the drafts. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GrammarPrograms } from '../../engine/generate/constraint.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';
import { compileJsonSchema, compileRegex, Vocabulary } from '../../engine/grammar/index.ts';
import type { Grammar } from '../../engine/grammar/index.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';
import { request } from '../support/requests.ts';

/** Tokens 3 to 258 stand for single bytes in this vocabulary; the rest are not used here. */
const FIRST_BYTE = 3;
const EOS = 2;
const bytesOf = (token: number): Uint8Array | null =>
  token >= FIRST_BYTE && token < FIRST_BYTE + 256 ? Uint8Array.of(token - FIRST_BYTE) : null;

const vocabulary = () => new Vocabulary({ nVocab: 512, bytesOf, endTokens: [EOS] });

let engine: Engine;
beforeAll(async () => {
  engine = await engineFrom(STORIES_FILE, 'lossless');
  engine.setVocabulary(vocabulary());
});
afterAll(() => engine.close());

const held = (grammar: Grammar, changes: Partial<GenerateRequest> = {}): GenerateRequest =>
  request({
    maxTokens: 120,
    stopTokens: [EOS],
    constraint: { grammar, key: JSON.stringify(grammar) },
    ...changes,
  });

async function answer(of: GenerateRequest): Promise<{ text: string; reason: string; n: number }> {
  const bytes: number[] = [];
  for await (const event of engine.generate(of, new AbortController().signal)) {
    if (event.type === 'token') bytes.push(event.token - FIRST_BYTE);
    if (event.type === 'done') {
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
        Uint8Array.from(bytes),
      );
      return { text, reason: event.reason, n: bytes.length };
    }
  }
  throw new Error('no end');
}

const objects = compileJsonSchema({
  type: 'array',
  items: { type: 'object', properties: { n: { type: 'integer' }, s: { type: 'string' } } },
});
const sampled = (seed: number) => ({ ...request().sampling, temperature: 1.5, seed });

describe('an answer', () => {
  it('is valid in whatever room there is, down to the shortest', async () => {
    for (let maxTokens = 2; maxTokens <= 24; maxTokens++) {
      const { text, n } = await answer(held(objects, { maxTokens, sampling: sampled(maxTokens) }));
      expect(Array.isArray(JSON.parse(text))).toBe(true);
      expect(n).toBeLessThanOrEqual(maxTokens);
    }
  });

  it('for which there is no room is refused before anything is made', async () => {
    const first = engine.generate(held(objects, { maxTokens: 1 }), never()).next();
    await expect(first).rejects.toThrow('takes 2 tokens');
  });

  it('says when it was cut, and when it was not', async () => {
    const cut = await answer(held(compileRegex('"[a-z]{3,}"'), { maxTokens: 9 }));
    expect(cut).toMatchObject({ reason: 'length', n: 9 });
    const whole = await answer(held(compileRegex('(yes|no)')));
    expect(whole.reason).toBe('stop');
    expect(['yes', 'no']).toContain(whole.text);
  });

  it('ends as soon as nothing can follow', async () => {
    const { text, n } = await answer(held(compileRegex('abc'), { maxTokens: 50 }));
    expect([text, n]).toEqual(['abc', 3]);
  });

  it('is the same beside others, with and without guesses', async () => {
    const requests = Array.from({ length: 6 }, (_, i) => held(objects, { sampling: sampled(i) }));
    const alone: string[] = [];
    for (const one of requests) alone.push((await answer({ ...one, speculation: 'off' })).text);
    const together = await Promise.all(requests.map(answer));
    expect(together.map(({ text }) => text)).toEqual(alone);
    expect(new Set(alone).size).toBeGreaterThan(1);
  });
});

function never(): AbortSignal {
  return new AbortController().signal;
}

it('programs of grammars are kept by key, the two that were used last', () => {
  const programs = new GrammarPrograms(vocabulary());
  const programOf = (key: string) => programs.of({ grammar: compileRegex(key), key });
  const [a, b] = [programOf('a'), programOf('b')];
  expect(b).not.toBe(a);
  expect(programOf('a')).toBe(a);
  programOf('c');
  expect(programOf('a')).toBe(a);
  expect(programOf('b')).not.toBe(b);
});
