/** Vercel's provider for OpenAI: its second turns name stored items instead of sending them again. */
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, generateText, isStepCount, jsonSchema, Output, streamText, tool } from 'ai';
import type { ModelMessage } from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { rejection } from '../support/outage.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

/** Bodies that the provider sent. */
const sent: string[] = [];
const recording: typeof fetch = async (url, init) => {
  if (typeof init?.body === 'string') sent.push(init.body);
  return await fetch(url, init);
};
const provider = () =>
  createOpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', fetch: recording });
const short = { temperature: 0, maxOutputTokens: 12, maxRetries: 0 };
const first: ModelMessage[] = [{ role: 'user', content: 'Once upon a time' }];
const more: ModelMessage = { role: 'user', content: 'And then?' };

test('a text, whole and streamed', async () => {
  const model = provider()(STORIES_ID);
  const whole = await generateText({ ...short, model, prompt: 'Once upon a time' });
  expect(whole.text).toContain('there was a little girl');
  expect(whole.finishReason).toBe('length');
  const stream = streamText({ ...short, model, prompt: 'Once upon a time' });
  expect((await Array.fromAsync(stream.textStream)).join('')).toBe(whole.text);
});

test('a second turn refers to the first, and says what the whole conversation says', async () => {
  const model = provider()(STORIES_ID);
  const one = await generateText({ ...short, model, messages: first });
  const messages = [...first, ...one.response.messages, more];
  const two = await generateText({ ...short, model, messages });
  expect(sent.at(-1)).toContain('"type":"item_reference"');
  const openai = { store: false };
  const whole = await generateText({ ...short, model, messages, providerOptions: { openai } });
  expect(sent.at(-1)).not.toContain('item_reference');
  expect(two.text).toBe(whole.text);
  expect(two.usage.inputTokens).toBe(whole.usage.inputTokens);
});

test('a reference that leads nowhere is refused by name', async () => {
  const model = provider()(STORIES_ID);
  const one = await generateText({ ...short, model, messages: first });
  await fetch(`${server.url}/v1/responses/${one.response.id}`, { method: 'DELETE' });
  const messages = [...first, ...one.response.messages, more];
  const error = await rejection(generateText({ ...short, model, messages }));
  if (!APICallError.isInstance(error)) throw error;
  expect(error.statusCode).toBe(400);
  expect(error.message).toContain('input[1].id: no stored item');
});

const city = jsonSchema<{ city: string }>({
  type: 'object',
  properties: { city: { type: 'string', enum: ['Paris', 'Rome'] } },
  required: ['city'],
  additionalProperties: false,
});

test('a tool is called, and the answer goes on after its output', async () => {
  const model = provider()(STORIES_ID);
  const weather = tool({ inputSchema: city, execute: ({ city }) => `31 degrees in ${city}` });
  const { steps } = await generateText({
    ...{ ...short, maxOutputTokens: 120, model, prompt: 'Once upon a time' },
    tools: { weather },
    providerOptions: { openai: { parallelToolCalls: false } },
    prepareStep: ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? 'required' : 'none' }),
    stopWhen: isStepCount(2),
  });
  expect(steps[0]?.toolResults[0]?.output).toMatch(/^31 degrees in (Paris|Rome)$/);
  expect(steps[1]?.text).not.toBe('');
});

test('an object that matches a schema', async () => {
  const { output } = await generateText({
    ...{ ...short, maxOutputTokens: 100, model: provider()(STORIES_ID), prompt: 'Where?' },
    output: Output.object({ schema: city }),
  });
  expect(['Paris', 'Rome']).toContain(output.city);
});

test('chat completions', async () => {
  const model = provider().chat(STORIES_ID);
  const one = await generateText({ ...short, model, messages: first });
  const messages = [...first, ...one.response.messages, more];
  const stream = streamText({ ...short, model, messages });
  expect(await stream.text).not.toBe('');
});

test('errors', async () => {
  const error = await rejection(
    generateText({ ...short, model: provider()('gpt-9'), prompt: 'Hello' }),
  );
  if (!APICallError.isInstance(error)) throw error;
  expect([error.statusCode, error.isRetryable]).toEqual([404, false]);
});
