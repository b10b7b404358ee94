/** The Vercel AI SDK against the server: text whole and streamed, leaving, errors, trying again. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, streamText } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { countRunning, rejection, takeWeightsAway } from '../support/outage.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its weights are taken away.
  server = await startTestServer();
});
afterAll(() => server.close());

const modelOf = (fetching: typeof fetch = fetch, id = STORIES_ID) =>
  createOpenAICompatible({
    name: 'thimble',
    baseURL: `${server.url}/v1`,
    includeUsage: true,
    fetch: fetching,
  })(id);
const greedy = { prompt: 'Once upon a time', temperature: 0, maxOutputTokens: 24, maxRetries: 0 };

test('generateText and streamText give the same text, usage and reason', async () => {
  const whole = await generateText({ ...greedy, model: modelOf() });
  expect(whole.text).toContain('there was a little girl');
  expect(whole.finishReason).toBe('length');
  expect(whole.usage).toMatchObject({ inputTokens: 5, outputTokens: 24, totalTokens: 29 });
  const stream = streamText({ ...greedy, model: modelOf() });
  const parts = await Array.fromAsync(stream.textStream);
  expect(parts.length).toBeGreaterThan(5);
  expect(parts.join('')).toBe(whole.text);
  expect(await stream.finishReason).toBe('length');
  expect(await stream.usage).toMatchObject({ inputTokens: 5, outputTokens: 24 });
});

test('aborting ends the generation', async () => {
  const abort = new AbortController();
  const stream = streamText({
    ...{ ...greedy, maxOutputTokens: 480, model: modelOf() },
    abortSignal: abort.signal,
  });
  for await (const _part of stream.textStream) abort.abort();
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('errors carry status, message and that trying again is no use', async () => {
  const error = await rejection(generateText({ ...greedy, model: modelOf(fetch, 'nope') }));
  if (!APICallError.isInstance(error)) throw error;
  expect([error.statusCode, error.isRetryable]).toEqual([404, false]);
  expect(error.message).toContain('expected one of: stories260k');
});

test('503 is tried again', async () => {
  const outage = await takeWeightsAway(server);
  const { text } = await generateText({ ...greedy, model: modelOf(outage.fetch), maxRetries: 1 });
  expect(text).toContain('there was a little girl');
  expect(outage.statuses).toEqual([503, 200]);
  expect(outage.retryAfter).toMatch(/^\d+$/);
});
