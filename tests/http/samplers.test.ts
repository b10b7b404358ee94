/** Sampling parameters from the request to the text. What each does to logits is tested with the engine. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

const PROMPT = 'Once upon a time there was a dog. '.repeat(4);

async function textOf(more: object): Promise<string> {
  const body = { prompt: PROMPT, max_tokens: 40, seed: 11, ...more };
  const response = await server.post('/v1/completions', body);
  const answer = await response.json<{
    choices: { text: string }[];
    error?: { message: string };
  }>();
  expect(response.status, answer.error?.message).toBe(200);
  return answer.choices[0]!.text;
}
async function idOf(text: string): Promise<number> {
  const response = await server.post('/tokenize', { model: STORIES_ID, text });
  const { tokens } = await response.json<{ tokens: number[] }>();
  return tokens.at(-1);
}

describe('the same seed gives the same text, another sampler another', () => {
  const changes: readonly [string, object][] = [
    ['typical_p', { typical_p: 0.3 }],
    ['top_n_sigma', { top_n_sigma: 0.5 }],
    ['xtc', { xtc_probability: 1, xtc_threshold: 0.1 }],
    ['dry', { dry_multiplier: 4, dry_base: 2, dry_allowed_length: 1 }],
    ['mirostat', { mirostat: 2, mirostat_tau: 1, mirostat_eta: 0.5 }],
    ['an order', { top_k: 3, temperature: 1.9, samplers: ['temperature', 'top_k'] }],
  ];
  test.each(changes)('%s', async (_, more) => {
    const text = await textOf(more);
    expect(await textOf({ ...more, speculation: 'off' })).toBe(text);
    expect(await textOf({})).not.toBe(text);
  });
});

test('a bias of 100 is the next token, one of -100 never', async () => {
  const id = await idOf('cat');
  const forced = await textOf({ temperature: 0, max_tokens: 5, logit_bias: { [id]: 100 } });
  expect(forced).toMatch(/^(.+)\1{4}$/);
  const greedy = await textOf({ temperature: 0, max_tokens: 1 });
  const first = await idOf(PROMPT + greedy);
  const other = await textOf({ temperature: 0, max_tokens: 1, logit_bias: { [first]: -100 } });
  expect(other).not.toBe(greedy);
});

test('DRY stops at breakers, which are texts', async () => {
  const prompt = `${'Lily saw a red ball. '.repeat(3)}Lily saw a red`;
  const ask = { prompt, temperature: 0, max_tokens: 6 };
  const dry = { ...ask, dry_multiplier: 50, dry_allowed_length: 3 };
  const plain = await textOf(ask);
  expect(plain).toContain('ball');
  expect(await textOf(dry)).not.toBe(plain);
  // Sequences of three without a space in them hardly ever come again.
  expect(await textOf({ ...dry, dry_sequence_breakers: [' '] })).toBe(plain);
});
