/** Pictures in conversations, at every API that takes them, as words that programs read from them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { toBase64 } from '../../engine/base/base64.ts';
import { shareTestServer, startTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { dataUrl, formulaPng, rawPng } from '../support/pictures.ts';

const OCR = 'pp-ocr-v4';
const MODEL = 'smollm2-135m-instruct';

const bytesOf = (path: string) => new Uint8Array(readFileSync(join(repoRoot, path)));
const page = bytesOf('tests/golden/text-picture.png');
const photo = bytesOf('tests/vision/fixtures/turned-6.jpg');

const ask = 'What is the number of the order?';
const say = (url: string, text = ask) => [
  {
    role: 'user' as const,
    content: [
      { type: 'text' as const, text },
      { type: 'image_url' as const, image_url: { url } },
    ],
  },
];

interface Image {
  readonly index: number;
  readonly field: string;
  readonly type: string;
  readonly claimed_type?: string;
  readonly width: number;
  readonly height: number;
  readonly description: string;
  readonly text: readonly { text: string; box: number[] }[];
  readonly colours: readonly { name: string; share: number }[];
  readonly missing: readonly { name: string; fix: string }[];
}
interface Answer {
  readonly images?: readonly Image[];
  readonly usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  readonly error?: { code: string; param: string; message: string };
}

describe.skipIf(findModelFile(OCR) === null || findModelFile(MODEL) === null)('pictures', () => {
  let server: SharedServer;
  beforeAll(async () => {
    server = await shareTestServer([OCR, MODEL]);
  });
  afterAll(() => server.close());

  async function chat(body: object): Promise<Answer> {
    const common = { model: MODEL, max_tokens: 4, temperature: 0 };
    const response = await server.post('/v1/chat/completions', { ...common, ...body });
    return await response.json<Answer>();
  }

  test('the openai client: text in a picture is read, and told with its places', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const completion = await client.chat.completions.create({
      ...{ model: MODEL, messages: say(dataUrl(page)), max_tokens: 24, temperature: 0 },
    });
    const [image] = (completion as unknown as Answer).images ?? [];
    expect(image).toMatchObject({
      ...{ index: 1, field: 'messages[0].content[1]', type: 'image/png' },
      ...{ width: 420, height: 150 },
    });
    expect(image?.text.map(({ text }) => text.replaceAll(' ', ''))).toEqual([
      ...['Thimblereadspictures', 'Order4711:3apples,12.50', 'left', 'right'],
    ]);
    const [left = 0, top = 0, right = 0, bottom = 0] = image?.text[0]?.box ?? [];
    expect([left < 25, top < 25, right > 290, bottom > 35]).toEqual([true, true, true, true]);
    expect(image?.colours[0]?.name).toBe('white');
    expect(image?.missing.map(({ name }) => name)).toEqual(['labels']);
    expect(image?.description).toMatch(
      /^<picture>\nA picture was looked at by programs\. This is what they found:/,
    );
    expect(image?.description).toMatch(/Order ?4711/);
    expect(completion.choices[0]?.message.content).toContain('4711');
  });

  test('what the model reads is the description before the question', async () => {
    const first = await chat({ messages: say(dataUrl(page), 'Which fruit?') });
    const { description } = first.images![0]!;
    const same = [{ role: 'user', content: `${description}\nWhich fruit?` }];
    const plain = await chat({ messages: same });
    expect(plain.usage.prompt_tokens).toBe(first.usage.prompt_tokens);
    expect(plain.usage.prompt_tokens_details.cached_tokens).toBeGreaterThan(
      first.usage.prompt_tokens * 0.8,
    );
    expect(plain.images).toBeUndefined();
  });

  test('low detail leaves out the text of a picture', async () => {
    const [message] = say(dataUrl(page), 'Which fruit?');
    const [question] = message!.content;
    const picture = { type: 'image_url', image_url: { url: dataUrl(page), detail: 'low' } };
    const { images } = await chat({ messages: [{ role: 'user', content: [question, picture] }] });
    expect(images?.[0]?.text).toBeUndefined();
    expect(images?.[0]?.colours[0]?.name).toBe('white');
  });

  test('a rendered template has the words that a chat puts in, as many tokens', async () => {
    const messages = say(dataUrl(page), 'Which fruit?');
    const chatted = await chat({ messages });
    const response = await server.post('/apply-template', { model: MODEL, messages });
    const { prompt, tokens } = await response.json<{ prompt: string; tokens: number[] }>();
    expect(prompt).toContain(`${chatted.images![0]!.description}\nWhich fruit?`);
    expect(tokens.length).toBe(chatted.usage.prompt_tokens);
    const off = await server.post('/apply-template', { model: MODEL, messages, vision: 'off' });
    expect(off.status).toBe(400);
  });

  test('Ollama is told that pictures are taken', async () => {
    const client = new Ollama({ host: server.url });
    const { capabilities } = await client.show({ model: MODEL });
    expect(capabilities).toContain('vision');
    expect((await client.show({ model: OCR })).capabilities).toEqual([]);
  });

  test('a stream has the pictures in its last part', async () => {
    const response = await server.post('/v1/chat/completions', {
      ...{ model: MODEL, messages: say(dataUrl(photo)), max_tokens: 2, stream: true },
    });
    const text = await response.text();
    const parts = text.split('\n\n').filter((part) => part.includes('"images"'));
    expect(parts.length).toBe(1);
    expect(parts[0]).toContain('"width":29,"height":45');
  });

  test('several pictures, over turns, in their order; a type that is wrong is told', async () => {
    const { images } = await chat({
      messages: [
        ...say(dataUrl(photo, 'image/png')),
        { role: 'assistant', content: 'I see.' },
        {
          role: 'user',
          content: [
            {
              type: 'image_url',
              image_url: { url: dataUrl(new Uint8Array(formulaPng(20, 10, 1))) },
            },
            { type: 'image_url', image_url: { url: `data:;base64,${toBase64(page)}` } },
          ],
        },
      ],
    });
    expect(images?.map(({ field }) => field)).toEqual([
      ...['messages[0].content[1]', 'messages[2].content[0]', 'messages[2].content[1]'],
    ]);
    expect(images?.map(({ type, claimed_type: claimed }) => [type, claimed])).toEqual([
      ['image/jpeg', 'image/png'],
      ['image/png', undefined],
      ['image/png', undefined],
    ]);
    expect(images?.[2]?.description).toContain('Picture 3 of 3');
  });

  test.each([
    ...['lossy.webp', 'alpha.webp', 'animated.webp', 'animated.gif', 'clear.gif', 'cmyk.jpg'],
    ...['progressive-both.jpg', 'interlaced.png', 'deep.png', 'palette-clear.png', 'animated.png'],
  ])('%s', async (name) => {
    const file = bytesOf(`tests/vision/fixtures/${name}`);
    const { images, error } = await chat({ messages: say(dataUrl(file, 'image/any')) });
    expect(error?.message).toBeUndefined();
    const kind = name.split('.')[1]!.replace('jpg', 'jpeg');
    expect(images?.[0]).toMatchObject({ width: 45, height: 29, type: `image/${kind}` });
  });

  test('a session keeps the words, and goes on from them', async () => {
    const session = 'pictures-kept';
    const { images } = await chat({ session, messages: say(dataUrl(page)) });
    expect(images?.length).toBe(1);
    const kept = await fetch(`${server.url}/v1/sessions/${session}`);
    const { messages } = await kept.json<{ messages: { content: string }[] }>();
    expect(messages[0]?.content).toContain('<picture>');
    const next = await chat({ session, messages: [{ role: 'user', content: 'And now?' }] });
    expect(next.usage.prompt_tokens).toBeGreaterThan(60);
    const off = await chat({ session: 'not-kept', store: false, messages: say(dataUrl(page)) });
    expect(off.images?.length).toBe(1);
    expect((await fetch(`${server.url}/v1/sessions/not-kept`)).status).toBe(404);
  });

  test('responses: kept as words, and continued', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const first = await client.responses.create({
      ...{ model: MODEL, max_output_tokens: 4 },
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: ask },
            { type: 'input_image', image_url: dataUrl(page), detail: 'auto' },
          ],
        },
      ],
    });
    const [image] = (first as unknown as Answer).images ?? [];
    expect(image).toMatchObject({ field: 'input[0].content[1]', width: 420 });
    const { data } = await client.responses.inputItems.list(first.id);
    expect(JSON.stringify(data)).toContain('4711');
    expect(JSON.stringify(data)).not.toContain('base64');
    const next = await client.responses.create({
      ...{ model: MODEL, max_output_tokens: 4, previous_response_id: first.id, input: 'And now?' },
    });
    expect(next.usage?.input_tokens).toBeGreaterThan(first.usage!.input_tokens);
  });

  test('responses: a picture that was uploaded, by its id', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const file = await client.files.create({
      ...{ purpose: 'vision', file: new File([page], 'page.png') },
    });
    const ask = (id: string) =>
      client.responses.create({
        ...{ model: MODEL, max_output_tokens: 2, store: false },
        input: [{ role: 'user', content: [{ type: 'input_image', file_id: id, detail: 'auto' }] }],
      });
    const response = (await ask(file.id)) as unknown as Answer;
    expect(response.images?.[0]).toMatchObject({ width: 420, height: 150, type: 'image/png' });
    await expect(ask('file-nothing')).rejects.toMatchObject({
      ...{ status: 400, param: 'input[0].content[0].file_id' },
    });
  });

  test('the anthropic client, and its count of tokens', async () => {
    const client = new Anthropic({ baseURL: server.url, apiKey: 'none' });
    const source = {
      type: 'base64' as const,
      media_type: 'image/png' as const,
      data: toBase64(page),
    };
    const messages = [
      {
        role: 'user' as const,
        content: [
          { type: 'image' as const, source },
          { type: 'text' as const, text: ask },
        ],
      },
    ];
    const message = await client.messages.create({ model: MODEL, max_tokens: 8, messages });
    expect((message as unknown as Answer).images?.[0]).toMatchObject({
      field: 'messages[0].content[0]',
    });
    const counted = await client.messages.countTokens({ model: MODEL, messages });
    expect(counted.input_tokens).toBe(
      message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0),
    );
  });

  test('the ollama client, in chat and generate', async () => {
    const client = new Ollama({ host: server.url });
    const images = [toBase64(page)];
    const options = { num_predict: 4 };
    const chatted = await client.chat({
      ...{ model: MODEL, options, messages: [{ role: 'user', content: ask, images }] },
    });
    expect(chatted.prompt_eval_count).toBeGreaterThan(60);
    const generated = await client.generate({ model: MODEL, options, prompt: ask, images });
    expect(generated.prompt_eval_count).toBe(chatted.prompt_eval_count);
  });

  test('a line of a batch may hold a picture', async () => {
    const line = {
      ...{ custom_id: 'a', method: 'POST', url: '/v1/chat/completions' },
      body: { model: MODEL, max_tokens: 4, messages: say(dataUrl(page)) },
    };
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob([`${JSON.stringify(line)}\n`]), 'lines.jsonl');
    const file = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form });
    const { id } = await file.json<{ id: string }>();
    const created = await server.post('/v1/batches', {
      ...{ input_file_id: id, endpoint: line.url, completion_window: '24h' },
    });
    const batch = await created.json<{ id: string }>();
    await expect
      .poll(
        async () => {
          const now = await fetch(`${server.url}/v1/batches/${batch.id}`);
          return (await now.json<{ status: string }>()).status;
        },
        { timeout: 60_000 },
      )
      .toBe('completed');
    const done = await fetch(`${server.url}/v1/batches/${batch.id}`);
    const { output_file_id: output } = await done.json<{ output_file_id: string }>();
    const content = await fetch(`${server.url}/v1/files/${output}/content`);
    expect(await content.text()).toMatch(/Order ?4711/);
  });

  test('personal data that was read is redacted like what was written', async () => {
    const { images, usage } = await chat({
      ...{ messages: say(dataUrl(bytesOf('tests/golden/card-picture.png'))), redact: true },
    });
    expect(usage.prompt_tokens).toBeGreaterThan(20);
    const said = JSON.stringify(images);
    expect(said).not.toContain('jane.doe@example.com');
    expect(said).toMatch(/EMAIL/i);
  });

  const url = 'messages[0].content[1].image_url.url';
  const part = 'messages[0].content[1].type';
  const bad = (bytes: Uint8Array, type?: string) => ({ messages: say(dataUrl(bytes, type)) });
  test.each<[string, () => object, string, string, string]>([
    [
      'off',
      () => ({ ...bad(page), vision: 'off' }),
      part,
      'E_REQUEST_INVALID',
      'not supported yet',
    ],
    [
      'an unknown mode',
      () => ({ ...bad(page), vision: 'see' }),
      'vision',
      'E_REQUEST_INVALID',
      'describe',
    ],
    [
      'an address',
      () => ({ messages: say('https://example.com/a.png') }),
      url,
      'E_REQUEST_INVALID',
      'fetches no addresses',
    ],
    [
      'a file',
      () => ({ messages: say('file:///etc/passwd') }),
      url,
      'E_REQUEST_INVALID',
      'fetches no addresses',
    ],
    [
      'no bytes',
      () => ({ messages: say('data:image/png;base64,') }),
      url,
      'E_REQUEST_INVALID',
      'base64',
    ],
    [
      'no base64',
      () => ({ messages: say('data:image/png;base64,%%%') }),
      url,
      'E_REQUEST_INVALID',
      'base64',
    ],
    [
      'a PDF',
      () => bad(new TextEncoder().encode('%PDF-1.7 and so on')),
      url,
      'E_IMAGE_INVALID',
      'not a supported image',
    ],
    ['cut off', () => bad(page.subarray(0, 400)), url, 'E_IMAGE_INVALID', 'cut off'],
    [
      '100 megapixels',
      () => bad(rawPng(10_000, 10_000, 8, 2, new Uint8Array(9))),
      url,
      'E_IMAGE_INVALID',
      '10000 x 10000',
    ],
    [
      'a bomb',
      () => bad(rawPng(10, 10, 8, 2, new Uint8Array(3_000_000))),
      url,
      'E_IMAGE_INVALID',
      'inflates to more',
    ],
    [
      '50 pictures',
      () => ({ messages: Array.from({ length: 50 }, () => say(dataUrl(page))[0]) }),
      'messages[0].content[1]',
      'E_REQUEST_INVALID',
      'at most 16 pictures, got 50',
    ],
    [
      'a picture for the system',
      () => ({
        messages: [
          { role: 'system', content: say(dataUrl(page))[0]!.content },
          ...say(dataUrl(page)),
        ],
      }),
      part,
      'E_REQUEST_INVALID',
      'role "user"',
    ],
  ])('refused: %s', async (_what, body, param, code, words) => {
    const { error } = await chat(body());
    expect([error?.param, error?.code], error?.message).toEqual([param, code]);
    expect(error?.message).toContain(words);
  });
});

test('a server without a model that reads pictures names what to push', async () => {
  // own server: its variables differ.
  const server = await startTestServer({ vars: { OCR_MODEL: 'my-reader' } });
  try {
    const response = await server.post('/v1/chat/completions', { messages: say(dataUrl(page)) });
    const { error } = await response.json<Answer>();
    expect([response.status, error?.param]).toEqual([400, 'messages[0].content[1].type']);
    expect(error?.message).toContain('thimble push my-reader');
    // A field that is the picture itself has no type to name.
    const task = await server.post('/v1/tasks/caption', { image: dataUrl(page) });
    const refused = (await task.json<Answer>()).error;
    expect([task.status, refused?.param]).toEqual([400, 'image']);
    expect(refused?.message).toContain('thimble push my-reader');
  } finally {
    await server.close();
  }
});
