/** LangChain's ChatOpenAI against the server, over chat completions and over responses. */
import { ChatOpenAI } from '@langchain/openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { countRunning, rejection, takeWeightsAway } from '../support/outage.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its weights are taken away.
  server = await startTestServer();
});
afterAll(() => server.close());

const chatOf = (fields: object = {}, fetching: typeof fetch = fetch) =>
  new ChatOpenAI({
    ...{ model: STORIES_ID, apiKey: 'none', temperature: 0, maxTokens: 24, maxRetries: 0 },
    configuration: { baseURL: `${server.url}/v1`, fetch: fetching },
    ...fields,
  });

test.each([
  ['chat completions', {}],
  ['responses', { useResponsesApi: true }],
])('invoke and stream give the same text: %s', async (_what, fields) => {
  const answer = await chatOf(fields).invoke('Once upon a time');
  expect(answer.text).toContain('there was a little girl');
  expect(answer.usage_metadata).toMatchObject({ input_tokens: 5, output_tokens: 24 });
  let text = '';
  let nPart = 0;
  for await (const part of await chatOf(fields).stream('Once upon a time')) {
    text += part.text;
    nPart++;
  }
  expect(text).toBe(answer.text);
  expect(nPart).toBeGreaterThan(5);
});

test('several answers at a time', async () => {
  const { generations } = await chatOf({ n: 2, temperature: 1 }).generate([['Once upon a time']]);
  expect(generations[0]?.map(({ text }) => text.length > 0)).toEqual([true, true]);
});

test('aborting ends the generation', async () => {
  const abort = new AbortController();
  const stream = await chatOf({ maxTokens: 480 }).stream('Once upon a time', {
    signal: abort.signal,
  });
  await rejection(
    (async () => {
      for await (const _part of stream) abort.abort();
    })(),
  );
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('errors carry status and code', async () => {
  const error = await rejection(chatOf({ model: 'nope' }).invoke('Once'));
  expect(error).toMatchObject({ status: 404, code: 'model_not_found' });
});

test('503 is tried again', async () => {
  const outage = await takeWeightsAway(server);
  const answer = await chatOf({ maxRetries: 1 }, outage.fetch).invoke('Once upon a time');
  expect(answer.text).toContain('there was a little girl');
  expect(outage.statuses).toEqual([503, 200]);
});
