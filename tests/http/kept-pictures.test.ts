/**
 * Pictures that models see again in later turns: of sessions, stored responses, conversations and batches, by an adapter's eyes
 * and through a tower.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { toBase64 } from '../../engine/base/base64.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { addAdapter, readBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import {
  importSeeing,
  randomEyes,
  readSeeing,
  seeingAdapter,
  stripedPng,
  TINY_ENCODER_ID,
} from '../support/eyes.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { SEEING, writeSeeing } from '../support/tiny-seeing.ts';

const EYES = `${STORIES_ID}:eyes`;
const TOWER = 'idefics3';
const MODELS = [EYES, TOWER];

let root = '';
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-kept-pictures-'));
  const modelsRoot = await importSeeing(root, 'q8');
  const input = await writeSeeing(join(root, TOWER), SEEING.idefics3());
  await importModel({ input, id: TOWER, outRoot: modelsRoot, preset: 'lossless' });
  const { encoder } = await readSeeing(modelsRoot);
  const prepare = async (bucket: Bucket): Promise<void> => {
    const base = await readBase(bucket, STORIES_ID);
    const eyes = await randomEyes(encoder, base, { beginId: 1, endId: 2 });
    const about = { licence: 'mit', source: 'test' };
    await addAdapter(
      bucket,
      { base: STORIES_ID, name: 'eyes' },
      seeingAdapter(base, eyes),
      base,
      about,
    );
  };
  // own server: it has an adapter, models and a classifier of its own.
  server = await startTestServer({
    ...{ imported: { modelsRoot, ids: [TINY_ENCODER_ID, `${TOWER}-tower`, TOWER] }, prepare },
    vars: { CLASSIFIER_MODEL: TINY_ENCODER_ID },
  });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

const dataUrl = (png: Uint8Array): string => `data:image/png;base64,${toBase64(png)}`;
const urlOf = (number: number): string => dataUrl(stripedPng('red', number));
const image = (url: string) => ({ type: 'image_url' as const, image_url: { url } });
const inputImage = (url: string) => ({
  ...{ type: 'input_image' as const, image_url: url, detail: 'auto' as const },
});
const text = (words: string) => ({ type: 'text' as const, text: words });
const inputText = (words: string) => ({ type: 'input_text' as const, text: words });
const user = <C>(content: C) => ({ role: 'user' as const, content });
const GREEDY = { temperature: 0, max_tokens: 6 };

interface Chat {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
  readonly session?: { readonly dropped_messages: number };
}

async function chat(model: string, messages: readonly object[], more: object = {}): Promise<Chat> {
  const response = await server.post('/v1/chat/completions', {
    ...{ model, ...GREEDY, messages, ...more },
  });
  expect(response.status, await response.clone().text()).toBe(200);
  const answer = await response.json<Chat>();
  expect(answer).not.toHaveProperty('images');
  return answer;
}

const said = ({ choices }: Chat): string => choices[0]!.message.content;
const cachedOf = ({ usage }: Chat): number => usage.prompt_tokens_details.cached_tokens;

describe.each(MODELS)('%s', (model) => {
  const slug = model.replaceAll(':', '-');

  test('a session keeps the picture: the next turn is that of the whole conversation', async () => {
    const session = `kept-${slug}`;
    const turn = user([text('Once upon a time'), image(urlOf(1))]);
    const first = await chat(model, [turn], { session });
    const next = await chat(model, [user('The dog')], { session });
    const answer = { role: 'assistant', content: said(first) };
    const whole = await chat(model, [turn, answer, user('The dog')]);
    expect(said(next)).toBe(said(whole));
    expect(next.usage.prompt_tokens).toBe(whole.usage.prompt_tokens);
    // Of the second turn only what is new is evaluated.
    expect(cachedOf(next)).toBeGreaterThanOrEqual(first.usage.prompt_tokens);
    const kept = await fetch(`${server.url}/v1/sessions/${session}`);
    const { messages } = await kept.json<{ messages: { content: string }[] }>();
    expect(messages[0]?.content).toBe('Once upon a time');
  });

  test('with "store": false a session and a response keep nothing', async () => {
    const session = `unkept-${slug}`;
    await chat(model, [user([image(urlOf(2)), text('The cat')])], { session, store: false });
    expect((await fetch(`${server.url}/v1/sessions/${session}`)).status).toBe(404);
    const response = await openai.responses.create({
      ...{ model, temperature: 0, max_output_tokens: 4, store: false },
      input: [user([inputImage(urlOf(2)), inputText('The cat')])],
    });
    await expect(openai.responses.retrieve(response.id)).rejects.toMatchObject({ status: 404 });
  });

  test('a response is continued over its picture', async () => {
    const input = [user([inputText('Once upon a time'), inputImage(urlOf(3))])];
    const body = { model, temperature: 0, max_output_tokens: 6 };
    const first = await openai.responses.create({ ...body, input });
    expect(first).not.toHaveProperty('images');
    const turn = user([text('Once upon a time'), image(urlOf(3))]);
    const asChat = await chat(model, [turn]);
    expect(first.output_text).toBe(said(asChat));
    expect(first.usage?.input_tokens).toBe(asChat.usage.prompt_tokens);
    const next = await openai.responses.create({
      ...{ ...body, previous_response_id: first.id, input: 'The dog' },
    });
    expect(next.usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(
      first.usage!.input_tokens,
    );
    const answer = { role: 'assistant', content: first.output_text };
    expect(next.output_text).toBe(said(await chat(model, [turn, answer, user('The dog')])));
    const { data } = await openai.responses.inputItems.list(first.id);
    expect(data[0]).toMatchObject({
      content: [
        { type: 'input_text', text: 'Once upon a time' },
        { type: 'input_image', image_url: urlOf(3), detail: 'auto', file_id: null },
      ],
    });
  });

  test('a conversation shows its picture to the responses in it, streamed ones, too', async () => {
    const { id } = await openai.conversations.create({
      items: [user([inputImage(urlOf(4)), inputText('The cat')])],
    });
    const asked = { ...{ model, temperature: 0, max_output_tokens: 6 }, input: 'and the dog' };
    const { output_text: out } = await openai.responses.create({ ...asked, conversation: id });
    const plain = [user([image(urlOf(4)), text('The cat')]), user('and the dog')];
    expect(out).toBe(said(await chat(model, plain)));
    const stream = await openai.responses.create({
      ...{ ...asked, input: [user([inputImage(urlOf(4)), inputText('The cat')])], stream: true },
    });
    let streamed = '';
    for await (const event of stream)
      if (event.type === 'response.output_text.delta') streamed += event.delta;
    expect(streamed).toBe(said(await chat(model, plain.slice(0, 1))));
  });

  test('a line of a batch is what its request is', async () => {
    const lines = [
      {
        ...{ custom_id: 'chat', method: 'POST', url: '/v1/chat/completions' },
        body: { model, ...GREEDY, messages: [user([image(urlOf(5)), text('The cat')])] },
      },
    ];
    const file = await openai.files.create({
      ...{ purpose: 'batch' },
      file: new File([lines.map((line) => JSON.stringify(line)).join('\n')], 'lines.jsonl'),
    });
    const { id } = await openai.batches.create({
      ...{ input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' },
    });
    await expect
      .poll(async () => (await openai.batches.retrieve(id)).status, { timeout: 60_000 })
      .toBe('completed');
    const { output_file_id: output } = await openai.batches.retrieve(id);
    const line = JSON.parse(await (await openai.files.content(output!)).text()) as {
      readonly response: { readonly body: Chat };
    };
    const direct = await chat(model, [user([image(urlOf(5)), text('The cat')])]);
    expect(said(line.response.body)).toBe(said(direct));
  });

  test('Anthropic and Ollama: a second question over a picture evaluates what is new', async () => {
    const data = toBase64(stripedPng('red', 6));
    const source = { type: 'base64', media_type: 'image/png', data };
    const anthropic = async (words: string) => {
      const response = await server.post('/v1/messages', {
        ...{ model, ...GREEDY, messages: [user([{ type: 'image', source }, text(words)])] },
      });
      const { usage } = await response.json<{ usage: Record<string, number> }>();
      return usage;
    };
    const { input_tokens: nFirst = 0 } = await anthropic('Once upon a time');
    const asked = await anthropic('Once upon a dog');
    expect(asked['cache_read_input_tokens']).toBeGreaterThan(nFirst / 2);
    const ollama = async (words: string) => {
      const response = await server.post('/api/chat', {
        ...{ model, stream: false, options: { temperature: 0, num_predict: 6 } },
        messages: [{ role: 'user', content: words, images: [data] }],
      });
      return await response.json<{ message: { content: string } }>();
    };
    const same = await chat(model, [
      user([image(`data:image/png;base64,${data}`), text('The cat')]),
    ]);
    expect((await ollama('The cat')).message.content).toBe(said(same));
  });
});

test('tokens of an input are counted with its picture', async () => {
  const input = [user([inputImage(urlOf(7)), inputText('The cat')])];
  const counted = await server.post('/v1/responses/input_tokens', { model: EYES, input });
  const { input_tokens: nToken } = await counted.json<{ input_tokens: number }>();
  const { usage } = await chat(EYES, [user([image(urlOf(7)), text('The cat')])]);
  expect(nToken).toBe(usage.prompt_tokens);
});

test('a model that does not see reads words of what an earlier one saw', async () => {
  const session = 'changed';
  await chat(EYES, [user([image(urlOf(8)), text('The cat')])], { session });
  const blind = { model: STORIES_ID, ...GREEDY, session, messages: [user('The dog')] };
  const next = await (await server.post('/v1/chat/completions', blind)).json<Chat>();
  const words = await chat(STORIES_ID, [user('The cat'), user('The dog')]);
  expect(next.usage.prompt_tokens).toBeGreaterThan(words.usage.prompt_tokens + 20);
  const off = await server.post('/v1/chat/completions', { ...blind, vision: 'off' });
  expect(off.status).toBe(400);
});

test('a photograph that a row has no room for is kept smaller, and seen as it is kept', async () => {
  // What follows a picture's end is nothing of it.
  const file = new Uint8Array(1_300_000);
  file.set(stripedPng('blue', 1));
  const large = dataUrl(file);
  const body = { model: EYES, temperature: 0, max_output_tokens: 4 };
  const first = await openai.responses.create({
    ...{ ...body, input: [user([inputImage(large), inputText('The cat')])] },
  });
  const { data } = await openai.responses.inputItems.list(first.id);
  const [item] = data as unknown as [{ content: { image_url: string }[] }];
  const kept = item.content[0]!.image_url;
  expect(kept).toMatch(/^data:image\/jpeg;base64,/);
  expect(kept.length).toBeLessThan(10_000);
  const next = await openai.responses.create({
    ...{ ...body, input: 'The dog', previous_response_id: first.id },
  });
  expect(next.usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(
    first.usage!.input_tokens,
  );
});

test('where a picture was taken is not kept', async () => {
  const png = stripedPng('blue', 1);
  const place = new TextEncoder().encode('Exif\0\0 52.5200 N, 13.4050 E');
  const url = dataUrl(Uint8Array.from([...png, ...place]));
  const { id } = await openai.responses.create({
    ...{ model: EYES, temperature: 0, max_output_tokens: 2 },
    input: [user([inputImage(url), inputText('The cat')])],
  });
  const { data } = await openai.responses.inputItems.list(id);
  const [item] = data as unknown as [{ content: { image_url: string }[] }];
  const kept = item.content[0]!.image_url;
  expect(kept).toMatch(/^data:image\/jpeg;base64,/);
  expect(atob(kept.split(',')[1]!)).not.toContain('52.52');
});

test('a session of more pictures than a request may have forgets its oldest turns', async () => {
  const session = 'many';
  const some = (from: number, n: number) =>
    Array.from({ length: n }, (_, i) => image(urlOf(from + i)));
  await chat(EYES, [user([...some(0, 10), text('The cat')])], { session });
  const next = await chat(EYES, [user([...some(10, 7), text('The dog')])], { session });
  expect(next.session?.dropped_messages).toBe(2);
});

test('what is no picture is refused by its item', async () => {
  const broken = { type: 'input_image', image_url: 'data:image/png;base64,AAAA' };
  const response = await server.post('/v1/responses', {
    ...{ model: EYES, input: ['a', 'b'].map((words) => user([inputText(words), broken])) },
  });
  const { error } = await response.json<{ error: { param: string } }>();
  expect([response.status, error.param]).toEqual([400, 'input[0].content[1].image_url']);
});
