/** Several answers to one prompt: n, best_of, seeds, interleaved streams, bounds. */
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sseData, shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
let openai: OpenAI;

beforeAll(async () => {
  server = await shareTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const messages = [{ role: 'user' as const, content: 'Once upon a time' }];
const sampled = { model: STORIES_ID, temperature: 1, max_tokens: 24 };

async function alone(seed: number): Promise<string | null> {
  const answer = await openai.chat.completions.create({ ...sampled, messages, seed });
  return answer.choices[0]?.message.content ?? null;
}

test('choice i is what its seed plus i gives alone, whole and streamed', async () => {
  const wanted = [await alone(5), await alone(6), await alone(7)];
  expect(new Set(wanted).size).toBe(3);
  const body = { ...sampled, messages, seed: 5, n: 3 };
  const { choices, usage } = await openai.chat.completions.create(body);
  expect(choices.map(({ index }) => index)).toEqual([0, 1, 2]);
  expect(choices.map(({ message }) => message.content)).toEqual(wanted);
  // The prompt counts once, answers all.
  expect(usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 72, total_tokens: 77 });

  const texts = ['', '', ''];
  const order: number[] = [];
  const finished: number[] = [];
  const stream = await openai.chat.completions.create({
    ...body,
    stream: true,
    stream_options: { include_usage: true },
  });
  let streamedUsage: unknown;
  for await (const { choices: parts, usage: now } of stream) {
    streamedUsage = now ?? streamedUsage;
    for (const { index, delta, finish_reason: reason } of parts) {
      texts[index] += delta.content ?? '';
      order.push(index);
      if (reason !== null) finished.push(index);
    }
  }
  expect(texts).toEqual(wanted);
  expect(finished.toSorted()).toEqual([0, 1, 2]);
  // Side by side, not one after the other: the last begins before the first has ended.
  expect(order.indexOf(2)).toBeLessThan(order.lastIndexOf(0));
  expect(streamedUsage).toMatchObject({ prompt_tokens: 5, completion_tokens: 72 });
});

test('choices of several prompts are numbered through', async () => {
  const prompts = ['Once upon a time', 'One day'];
  const body = { ...sampled, seed: 5, max_tokens: 12 };
  const one = async (prompt: string, seed: number) =>
    (await openai.completions.create({ ...body, prompt, seed })).choices[0]?.text;
  const wanted = [
    await one('Once upon a time', 5),
    await one('Once upon a time', 6),
    await one('One day', 5),
    await one('One day', 6),
  ];
  const { choices, usage } = await openai.completions.create({ ...body, prompt: prompts, n: 2 });
  expect(choices.map(({ text }) => text)).toEqual(wanted);
  expect(usage?.completion_tokens).toBe(48);
  const texts = ['', '', '', ''];
  const stream = await openai.completions.create({ ...body, prompt: prompts, n: 2, stream: true });
  for await (const { choices: parts } of stream)
    for (const { index, text } of parts) texts[index] += text;
  expect(texts).toEqual(wanted);
});

test('best_of tells the candidates with the highest mean log-probability, the best first', async () => {
  const body = { ...sampled, prompt: 'Once upon a time', seed: 11, max_tokens: 10 };
  const all = await openai.completions.create({ ...body, n: 5, logprobs: 0 });
  const ranked = all.choices
    .map(({ text, logprobs }) => {
      const own = logprobs?.token_logprobs ?? [];
      return { text, mean: own.reduce((sum, one) => sum + one, 0) / own.length };
    })
    .toSorted((a, b) => b.mean - a.mean)
    .map(({ text }) => text);
  const best = await openai.completions.create({ ...body, n: 2, best_of: 5 });
  expect(best.choices.map(({ text }) => text)).toEqual(ranked.slice(0, 2));
  expect(best.choices.map(({ index }) => index)).toEqual([0, 1]);
  expect(best.choices[0]?.logprobs).toBeNull();
  // All that was made is counted, also what is not told.
  expect(best.usage?.completion_tokens).toBe(50);
});

test.each([
  ['fewer than n', { n: 3, best_of: 2 }, 'best_of'],
  ['streamed', { best_of: 2, stream: true }, 'best_of'],
  ['too many', { best_of: 9 }, 'best_of'],
  ['more tokens than one request may make', { best_of: 8, max_tokens: 5000 }, 'max_tokens'],
])('best_of is refused: %s', async (_what, fields, param) => {
  const response = await server.post('/v1/completions', { prompt: 'Once', ...fields });
  const { error } = await response.json<{ error: { param: string } }>();
  expect([response.status, error.param]).toEqual([400, param]);
});

test('a client that leaves ends all its choices', async () => {
  const running = async () =>
    (await (await fetch(`${server.url}/readyz`)).json<{ running: number }>()).running;
  const body = { messages, n: 4, max_tokens: 400, stream: true, temperature: 1 };
  const events = sseData(await server.post('/v1/chat/completions', body));
  for (let i = 0; i < 8; i++) await events.next();
  await events.return();
  await expect.poll(running).toBe(0);
});
