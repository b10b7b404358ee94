/** OpenAI's own client where chat.test.ts and responses.test.ts do not use it: leaving, trying again. */
import OpenAI, { APIUserAbortError, BadRequestError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { countRunning, rejection, takeWeightsAway } from '../support/outage.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its weights are taken away.
  server = await startTestServer();
});
afterAll(() => server.close());

const clientOf = (maxRetries = 0, fetching: typeof fetch = fetch) =>
  new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries, fetch: fetching });
const body = {
  ...{ model: STORIES_ID, temperature: 0, max_tokens: 24 },
  messages: [{ role: 'user' as const, content: 'Once upon a time' }],
};

test('aborting a stream ends its generations', async () => {
  const stream = await clientOf().chat.completions.create({
    ...{ ...body, max_tokens: 480, n: 4, temperature: 1, stream: true },
  });
  let nSeen = 0;
  for await (const _chunk of stream) if (++nSeen === 5) stream.controller.abort();
  expect(nSeen).toBeLessThan(480);
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('a request that is aborted before its answer is told apart', async () => {
  const abort = new AbortController();
  const request = clientOf().chat.completions.create(
    { ...body, max_tokens: 480 },
    { signal: abort.signal },
  );
  abort.abort();
  expect(await rejection(request)).toBeInstanceOf(APIUserAbortError);
});

test('what is not supported is refused as a bad request, by name', async () => {
  const prediction = { type: 'content' as const, content: 'there was' };
  const error = await rejection(clientOf().chat.completions.create({ ...body, prediction }));
  expect(error).toBeInstanceOf(BadRequestError);
  expect(error).toMatchObject({ param: 'prediction', code: 'E_REQUEST_INVALID' });
});

test('503 is tried again', async () => {
  const outage = await takeWeightsAway(server);
  const answer = await clientOf(1, outage.fetch).chat.completions.create(body);
  expect(answer.choices[0]?.message.content).toContain('there was a little girl');
  expect(outage.statuses).toEqual([503, 200]);
  expect(outage.retryAfter).toMatch(/^\d+$/);
});
