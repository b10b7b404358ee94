/** Ollama's own client against /api: chat and generate whole and streamed, tools, formats, models, embeddings, errors. */
import { Ollama } from 'ollama';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { countRunning, rejection } from '../support/outage.ts';

let server: SharedServer;
let client: Ollama;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
  client = new Ollama({ host: server.url });
});
afterAll(() => server.close());

const options = { temperature: 0, num_predict: 24 };
const messages = [{ role: 'user', content: 'Once upon a time' }];
const chat = { model: STORIES_ID, messages, options };

test('chat gives the same whole and streamed', async () => {
  const whole = await client.chat(chat);
  expect(whole.message.content).toContain('there was a little girl');
  expect(whole).toMatchObject({ done: true, done_reason: 'length', eval_count: 24 });
  expect(whole.model).toBe(`${STORIES_ID}:latest`);
  expect(whole.prompt_eval_count).toBe(5);
  expect(whole.total_duration).toBeGreaterThan(0);
  let text = '';
  const lasts: boolean[] = [];
  for await (const part of await client.chat({ ...chat, model: whole.model, stream: true })) {
    text += part.message.content;
    lasts.push(part.done);
  }
  expect(text).toBe(whole.message.content);
  expect(lasts.indexOf(true)).toBe(lasts.length - 1);
});

test('generate continues a raw text, or answers through the template', async () => {
  const raw = { model: STORIES_ID, prompt: 'Once upon a time', options };
  const whole = await client.generate({ ...raw, raw: true });
  expect(whole.response).toContain('there was a little girl');
  let text = '';
  for await (const part of await client.generate({ ...raw, raw: true, stream: true }))
    text += part.response;
  expect(text).toBe(whole.response);
  expect((await client.generate({ ...raw, system: 'Tell a story.' })).eval_count).toBe(24);
  expect(await client.generate({ model: STORIES_ID, prompt: '' })).toMatchObject({
    ...{ response: '', done: true, done_reason: 'load' },
  });
});

test('a stop ends the text, and a second turn goes on', async () => {
  const { message } = await client.chat(chat);
  const stop = message.content.slice(7, 20);
  const stopped = await client.chat({ ...chat, options: { ...options, stop: [stop] } });
  expect(stopped.message.content).toBe(message.content.slice(0, 7));
  expect(stopped.done_reason).toBe('stop');
  const next = [...messages, message, { role: 'user', content: 'And then' }];
  const second = await client.chat({ ...chat, messages: next });
  expect(second.prompt_eval_count).toBeGreaterThan(24);
});

test('formats are honoured', async () => {
  const format = { type: 'object', properties: { city: { enum: ['Rome'] } }, required: ['city'] };
  const { message } = await client.chat({ ...chat, format, options: { num_predict: 60 } });
  expect(JSON.parse(message.content)).toEqual({ city: 'Rome' });
  const json = await client.generate({
    ...{ model: STORIES_ID, prompt: 'Once', format: 'json' },
    options: { num_predict: 200, seed: 1 },
  });
  expect(() => void JSON.parse(json.response ?? '')).not.toThrow();
});

test('tools are called, and their results go back by name', async () => {
  const tool = {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'The weather now.',
      parameters: {
        type: 'object',
        properties: { city: { type: 'string', enum: ['Rome'] } },
        required: ['city'],
      },
    },
  };
  const call = { function: { name: 'get_weather', arguments: { city: 'Rome' } } };
  const answered = await client.chat({
    ...chat,
    tools: [tool],
    messages: [
      ...messages,
      { role: 'assistant', content: '', tool_calls: [call] },
      { role: 'tool', content: '31 degrees', tool_name: 'get_weather' },
    ],
  });
  expect(answered.eval_count).toBe(24);
  const lost = { role: 'tool', content: '31', tool_name: 'get_time' };
  const error = await rejection(client.chat({ ...chat, messages: [...messages, lost] }));
  expect(error).toMatchObject({ status_code: 400 });
  expect((error as Error).message).toContain('"get_time"');
});

test('models are listed and described', async () => {
  const { models } = await client.list();
  expect(models.map(({ name }) => name)).toContain(`${STORIES_ID}:latest`);
  expect(models[0]?.details.parameter_size).toBe('260K');
  expect((await client.ps()).models.map(({ name }) => name)).toEqual(
    models.map(({ name }) => name),
  );
  const shown = await client.show({ model: STORIES_ID });
  expect(shown.capabilities).toContain('completion');
  // Nothing here reads pictures.
  expect(shown.capabilities).not.toContain('vision');
  expect(shown.model_info).toMatchObject({ 'general.architecture': 'llama' });
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(await client.version()).toEqual({ version });
  expect(await client.pull({ model: STORIES_ID })).toEqual({ status: 'success' });
  const refused = await rejection(client.delete({ model: STORIES_ID }));
  expect((refused as Error).message).toContain(`thimble rm ${STORIES_ID}`);
});

test('texts are embedded', async () => {
  const { embeddings, prompt_eval_count: nToken } = await client.embed({
    model: TINY_ENCODER_ID,
    input: ['a warm sea', 'a cold hill'],
  });
  expect(embeddings).toHaveLength(2);
  expect(Math.hypot(...embeddings[0]!)).toBeCloseTo(1, 5);
  expect(nToken).toBeGreaterThan(4);
});

test('errors have the shape of the API', async () => {
  const missing = await rejection(client.chat({ ...chat, model: 'nope' }));
  expect(missing).toMatchObject({ status_code: 404 });
  expect((missing as Error).message).toContain('nope');
  const wrong = { ...chat, options: { temperature: -1 } };
  expect(await rejection(client.chat(wrong))).toMatchObject({ status_code: 400 });
  const response = await server.post('/api/chat', wrong);
  expect(await response.json()).toMatchObject({ param: 'options.temperature' });
});

test('aborting ends the generation', async () => {
  const long = { ...chat, options: { temperature: 0, num_predict: 480 } };
  const stream = await client.chat({ ...long, stream: true });
  await rejection(
    (async () => {
      for await (const _part of stream) stream.abort();
    })(),
  );
  await expect.poll(async () => await countRunning(server)).toBe(0);
});
