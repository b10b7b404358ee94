/** LlamaIndex.TS with its OpenAI package, over chat completions. */
import { OpenAI } from '@llamaindex/openai';
import type { ChatMessage, ToolCallLLMMessageOptions } from 'llamaindex';
import { FunctionTool } from 'llamaindex';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { countRunning, rejection } from '../support/outage.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

type Message = ChatMessage<ToolCallLLMMessageOptions>;
interface Used {
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

const modelOf = (options: ConstructorParameters<typeof OpenAI>[0] = {}) =>
  new OpenAI({
    ...{ model: STORIES_ID, baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 },
    ...{ temperature: 0, maxTokens: 24, ...options },
  });
const question: Message = { role: 'user', content: 'Once upon a time' };
const place = z.object({ city: z.literal('Rome') });

test('a text, whole and streamed', async () => {
  const { message, raw } = await modelOf().chat({ messages: [question] });
  expect(message.content).toContain('there was a little girl');
  expect((raw as Used).usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 24 });
  const stream = await modelOf().chat({ messages: [question], stream: true });
  const parts = (await Array.fromAsync(stream)).map(({ delta }) => delta);
  expect(parts.length).toBeGreaterThan(5);
  expect(parts.join('')).toBe(message.content);
});

test('a second turn reads the first', async () => {
  const { message } = await modelOf().chat({ messages: [question] });
  const messages: Message[] = [question, message, { role: 'user', content: 'And then?' }];
  const { raw } = await modelOf().chat({ messages });
  expect((raw as Used).usage.prompt_tokens).toBeGreaterThan(29);
});

test('a tool is called, and its output goes back', async () => {
  const weather = FunctionTool.from(({ city }) => `sunny, ${city}`, {
    ...{ name: 'weather', description: 'Weather.', parameters: place },
  });
  const model = modelOf({
    maxTokens: 100,
    additionalChatOptions: { tool_choice: 'required', parallel_tool_calls: false },
  });
  const { message } = await model.chat({ messages: [question], tools: [weather] });
  const { toolCall } = message.options as { toolCall: { id: string; input: string }[] };
  expect(toolCall).toMatchObject([{ name: 'weather' }]);
  expect(JSON.parse(toolCall[0]!.input)).toEqual({ city: 'Rome' });
  const toolResult = { id: toolCall[0]!.id, result: 'sunny', isError: false };
  const result: Message = { role: 'user', content: 'sunny', options: { toolResult } };
  const after = await modelOf().chat({ messages: [question, message, result] });
  expect((after.raw as Used).usage.completion_tokens).toBe(24);
});

test('an object that matches a schema', async () => {
  const { message } = await modelOf({ maxTokens: 100 }).chat({
    messages: [question],
    responseFormat: place,
  });
  expect(message.content).toMatch(/^\s*\{\s*"city"\s*:\s*"Rome"\s*\}\s*$/);
});

test('errors', async () => {
  const unknown = await rejection(modelOf({ model: 'nope' }).chat({ messages: [question] }));
  expect(unknown).toMatchObject({ status: 404, code: 'model_not_found' });
  const wrong = await rejection(modelOf({ temperature: 9 }).chat({ messages: [question] }));
  expect(wrong).toMatchObject({ status: 400, param: 'temperature' });
});

test('leaving a stream ends the generation', async () => {
  const stream = await modelOf({ maxTokens: 480 }).chat({ messages: [question], stream: true });
  for await (const _part of stream) break;
  await expect.poll(async () => await countRunning(server)).toBe(0);
});
