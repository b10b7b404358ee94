/** Vercel's provider for Anthropic over /v1/messages. */
import { createAnthropic } from '@ai-sdk/anthropic';
import { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai';
import type { ModelMessage } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { countRunning, rejection } from '../support/outage.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

const modelOf = (id = STORIES_ID) =>
  createAnthropic({ baseURL: `${server.url}/v1`, apiKey: 'none' })(id);
const short = { temperature: 0, maxOutputTokens: 24, maxRetries: 0 };
const prompt = 'Once upon a time';
const city = jsonSchema<{ city: string }>({
  type: 'object',
  properties: { city: { type: 'string', enum: ['Rome'] } },
  required: ['city'],
  additionalProperties: false,
});

test('a text, whole and streamed', async () => {
  const whole = await generateText({ ...short, model: modelOf(), prompt });
  expect(whole.text).toContain('there was a little girl');
  expect(whole.finishReason).toBe('length');
  expect(whole.usage).toMatchObject({ inputTokens: 5, outputTokens: 24 });
  const stream = streamText({ ...short, model: modelOf(), prompt });
  const parts = await Array.fromAsync(stream.textStream);
  expect(parts.length).toBeGreaterThan(5);
  expect(parts.join('')).toBe(whole.text);
});

test('a second turn reads the first', async () => {
  const messages: ModelMessage[] = [{ role: 'user', content: prompt }];
  const one = await generateText({ ...short, model: modelOf(), messages });
  const more: ModelMessage[] = [...one.response.messages, { role: 'user', content: 'And then?' }];
  const two = await generateText({ ...short, model: modelOf(), messages: [...messages, ...more] });
  expect(two.usage.inputTokens).toBeGreaterThan((one.usage.inputTokens ?? 0) + 24);
});

test('a tool is called, and the answer goes on after its output', async () => {
  const { steps } = await generateText({
    ...{ ...short, maxOutputTokens: 120, model: modelOf(), prompt },
    tools: { weather: tool({ inputSchema: city, execute: ({ city: name }) => `sunny, ${name}` }) },
    providerOptions: { anthropic: { disableParallelToolUse: true } },
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
    stopWhen: isStepCount(2),
  });
  expect(steps[0]?.toolResults[0]?.output).toBe('sunny, Rome');
  expect(steps[1]?.text).not.toBe('');
});

test('an object that matches a schema', async () => {
  const { output } = await generateText({
    ...{ ...short, maxOutputTokens: 120, model: modelOf(), prompt: 'Where?' },
    output: Output.object({ schema: city }),
  });
  expect(output).toEqual({ city: 'Rome' });
});

test('errors', async () => {
  const error = await rejection(generateText({ ...short, model: modelOf('nope'), prompt }));
  if (!APICallError.isInstance(error)) throw error;
  expect([error.statusCode, error.isRetryable]).toEqual([404, false]);
  expect(error.message).toContain('nope');
});

test('aborting ends the generation', async () => {
  const abort = new AbortController();
  const options = { ...short, maxOutputTokens: 480, abortSignal: abort.signal };
  const stream = streamText({ ...options, model: modelOf(), prompt });
  for await (const _part of stream.textStream) abort.abort();
  await expect.poll(async () => await countRunning(server)).toBe(0);
});
