/** More requests than the cache takes: they share steps, wait their turn, or are told to come back. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_QUEUED } from '../../engine/generate/admission.ts';
import { sseData, shareTestServer, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

interface Answer {
  choices: { text: string }[];
  usage: {
    completion_tokens: number;
    speculation: { drafted_tokens: number; accepted_tokens: number };
  };
}
const ask = (more: object = {}) =>
  server.post('/v1/completions', {
    ...{ prompt: 'Once upon a time', temperature: 0, max_tokens: 8 },
    ...more,
  });

test('many at once get the text each gets alone', async () => {
  const prompts = ['Once', 'The dog', 'Lily and', 'One day', 'A big', 'Tom'];
  const text = async (prompt: string) => {
    const response = await ask({ prompt, max_tokens: 60, temperature: 0.8, seed: 3 });
    expect(response.status).toBe(200);
    return (await response.json<Answer>()).choices[0]?.text;
  };
  const together = await Promise.all(prompts.map(text));
  const alone = [];
  for (const prompt of prompts) alone.push(await text(prompt));
  expect(together).toEqual(alone);
});

test('usage says how many tokens were guessed and how many were right', async () => {
  const prompt = 'Tom sat on a red mat. Tom sat on a red mat. Tom sat on a red mat. Tom sat';
  const { usage } = await (await ask({ prompt, max_tokens: 100 })).json<Answer>();
  expect(usage.completion_tokens).toBe(100);
  const { drafted_tokens: drafted, accepted_tokens: accepted } = usage.speculation;
  expect(drafted).toBeGreaterThan(0);
  expect(accepted).toBeLessThanOrEqual(drafted);
  const off = await ask({ prompt, max_tokens: 100, speculation: 'off' });
  expect((await off.json<Answer>()).usage.speculation.drafted_tokens).toBe(0);
  const wrong = await ask({ prompt, speculation: 'always' });
  expect(wrong.status).toBe(400);
  expect((await wrong.json<{ error: { param: string } }>()).error.param).toBe('speculation');
});

test('a queue that is full answers 503 with Retry-After, and the others are served', async () => {
  // Nobody reads it, and it is far more than fits the buffers on the way: it holds its pages.
  const prompt = Array<string>(64).fill('Once upon a time');
  const holder = sseData(await ask({ prompt, stream: true, max_tokens: 480, logprobs: 20 }));
  expect((await holder.next()).done).toBe(false);
  // Two pages each, more than the holder leaves.
  const answers = Array.from({ length: MAX_QUEUED + 6 }, () => ask({ max_tokens: 40 }));
  const refused = await Promise.any(
    answers.map(async (answer) => {
      const response = await answer;
      if (response.status === 200) throw new Error('served');
      return response;
    }),
  );
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('5');
  const { error } = await refused.json<{ error: { code: string; type: string } }>();
  expect(error).toMatchObject({ code: 'E_BUSY', type: 'overloaded_error' });
  await holder.return();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(MAX_QUEUED);
  expect(statuses.every((status) => status === 200 || status === 503)).toBe(true);
});
