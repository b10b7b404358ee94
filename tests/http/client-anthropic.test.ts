/** Anthropic's own client against /v1/messages: whole, streamed, leaving, errors, trying again. */
import type { APIError } from '@anthropic-ai/sdk';
import Anthropic, { NotFoundError } from '@anthropic-ai/sdk';
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
  new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries, fetch: fetching });
const greedy = {
  ...{ model: STORIES_ID, max_tokens: 24, temperature: 0 },
  messages: [{ role: 'user' as const, content: 'Once upon a time' }],
};

const textOf = ({ content }: Anthropic.Message): string =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');

test('create and stream give the same message', async () => {
  const message = await clientOf().messages.create(greedy);
  expect(textOf(message)).toContain('there was a little girl');
  expect(message).toMatchObject({ role: 'assistant', stop_reason: 'max_tokens' });
  const { usage } = message;
  expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(5);
  expect(usage.output_tokens).toBe(24);

  const stream = clientOf().messages.stream(greedy);
  const types: string[] = [];
  let text = '';
  stream.on('streamEvent', ({ type }) => void types.push(type));
  stream.on('text', (part) => void (text += part));
  const final = await stream.finalMessage();
  expect(text).toBe(textOf(message));
  expect(textOf(final)).toBe(text);
  expect(final.stop_reason).toBe('max_tokens');
  expect(types.filter((type) => type !== 'content_block_delta')).toEqual([
    'message_start',
    'content_block_start',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
});

test('a stop sequence is told and is no part of the text', async () => {
  const whole = textOf(await clientOf().messages.create(greedy));
  const stop = whole.slice(7, 20);
  const message = await clientOf().messages.create({ ...greedy, stop_sequences: ['never', stop] });
  expect(message).toMatchObject({ stop_reason: 'stop_sequence', stop_sequence: stop });
  expect(textOf(message)).toBe(whole.slice(0, 7));
});

test('a begun answer goes on where it was begun', async () => {
  const whole = textOf(await clientOf().messages.create(greedy));
  const prefill = whole.slice(0, whole.indexOf(' little'));
  const messages = [...greedy.messages, { role: 'assistant' as const, content: prefill }];
  const rest = textOf(await clientOf().messages.create({ ...greedy, messages }));
  expect(rest.startsWith(' little')).toBe(true);
});

test('system, blocks and turns of one role are one conversation; tokens are counted', async () => {
  const blocks = {
    ...greedy,
    system: [{ type: 'text' as const, text: 'Once ' }],
    messages: [
      { role: 'user' as const, content: [{ type: 'text' as const, text: 'upon' }] },
      { role: 'user' as const, content: 'a time' },
    ],
  };
  const { input_tokens: counted } = await clientOf().messages.countTokens({
    ...{ model: STORIES_ID, system: blocks.system, messages: blocks.messages },
  });
  const { usage } = await clientOf().messages.create(blocks);
  expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(counted);
});

test('aborting ends the generation', async () => {
  const stream = clientOf().messages.stream({ ...greedy, max_tokens: 480 });
  stream.on('text', () => stream.abort());
  await rejection(stream.finalMessage());
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('errors have the shape and the types of the API', async () => {
  const missing = await rejection(clientOf().messages.create({ ...greedy, model: 'nope' }));
  expect(missing).toBeInstanceOf(NotFoundError);
  expect((missing as APIError).error).toMatchObject({
    type: 'error',
    error: { type: 'not_found_error', param: 'model', code: 'E_MODEL_NOT_FOUND' },
  });
  const thinking = { type: 'enabled' as const, budget_tokens: 1024 };
  const told = await clientOf()
    .messages.create({ ...greedy, thinking, output_config: { effort: 'low' } })
    .withResponse();
  expect(told.response.headers.get('x-thimble-ignored')).toBe('thinking, output_config.effort');
  expect(told.request_id).toMatch(/^req_[0-9a-f]{32}$/);
  const wrong = await fetch(`${server.url}/v1/messages`);
  expect([wrong.status, (await wrong.json<{ type: string }>()).type]).toEqual([405, 'error']);
});

test('503 is tried again', async () => {
  const outage = await takeWeightsAway(server);
  const message = await clientOf(1, outage.fetch).messages.create(greedy);
  expect(textOf(message)).toContain('there was a little girl');
  expect(outage.statuses).toEqual([503, 200]);
});

test('models are listed in the shape of the API', async () => {
  const { data, has_more: hasMore } = await clientOf().models.list();
  expect(hasMore).toBe(false);
  expect(data[0]).toMatchObject({ type: 'model', id: STORIES_ID });
  expect(data[0]?.display_name).not.toBe('');
});
