/** Adapters with eyes over HTTP: pictures as rows of a prompt, kept for the next question, at the APIs that take them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Eyes } from '../../engine/adapters/eyes.ts';
import { toBase64 } from '../../engine/base/base64.ts';
import { addAdapter, readBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import {
  importSeeing,
  randomEyes,
  readSeeing,
  seeingAdapter,
  stripedPng,
  TINY_ENCODER_ID,
} from '../support/eyes.ts';

const MODEL = `${STORIES_ID}:eyes`;
const ABOUT = { licence: 'mit', source: 'test' };
/** Positions of a picture. */
const N_ROW = 4;
/** The start and the end of a text: nothing else in a prompt has one after the other. */
const MARKERS = { beginId: 1, endId: 2 };
const ASK = 'Once upon a time';

let root = '';
let server: TestServer;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-eyes-http-'));
  const modelsRoot = await importSeeing(root, 'q8');
  const { encoder } = await readSeeing(modelsRoot);
  const prepare = async (bucket: Bucket): Promise<void> => {
    const base = await readBase(bucket, STORIES_ID);
    const eyes = await randomEyes(encoder, base, MARKERS);
    const add = async (name: string, changes: Partial<Eyes['facts']>): Promise<void> => {
      const own = { ...eyes, facts: { ...eyes.facts, ...changes } };
      await addAdapter(bucket, { base: STORIES_ID, name }, seeingAdapter(base, own), base, ABOUT);
    };
    await add('eyes', {});
    await add('lost', { encoder: 'nowhere' });
    await add('other', { encoderSha256: '0'.repeat(64) });
  };
  // own server: it has adapters and an encoder of its own.
  server = await startTestServer({ imported: { modelsRoot, ids: [TINY_ENCODER_ID] }, prepare });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

const png = (number: number): string => toBase64(stripedPng('red', number));
const image = (data: string) => ({
  type: 'image_url',
  image_url: { url: `data:image/png;base64,${data}` },
});
const text = (words: string) => ({ type: 'text', text: words });

interface Chat {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

async function chat(content: unknown, model = MODEL): Promise<Chat> {
  const body = { model, temperature: 0, max_tokens: 12, messages: [{ role: 'user', content }] };
  const response = await server.post('/v1/chat/completions', body);
  expect(response.status).toBe(200);
  const answer = await response.json<Chat>();
  expect(answer).not.toHaveProperty('images');
  return answer;
}

const said = ({ choices }: Chat): string => choices[0]!.message.content;

describe('a picture', () => {
  test('is positions of the prompt, between two markers, and changes what is said', async () => {
    const [blind, seeing] = [await chat([text(ASK)]), await chat([image(png(1)), text(ASK)])];
    // This tokenizer puts a space before a text that begins, and none after a marker.
    expect(seeing.usage.prompt_tokens - blind.usage.prompt_tokens).toBe(N_ROW + 2 - 1);
    expect(said(seeing)).not.toBe(said(blind));
  });

  test('without one the adapter counts nowhere: the answer is the base', async () => {
    expect(said(await chat([text('The cat sat')]))).toBe(
      said(await chat([text('The cat sat')], STORIES_ID)),
    );
  });

  test('again is evaluated no more, and another one is not mistaken for it', async () => {
    const first = await chat([image(png(2)), text(ASK)]);
    const again = await chat([image(png(2)), text(ASK)]);
    expect(said(again)).toBe(said(first));
    // All but the last position, whose logits are needed.
    expect(again.usage.prompt_tokens_details.cached_tokens).toBe(again.usage.prompt_tokens - 1);
    const question = await chat([image(png(2)), text('The dog')]);
    const before = question.usage.prompt_tokens_details.cached_tokens;
    expect(before).toBeGreaterThanOrEqual(N_ROW + 2);
    const other = await chat([image(png(3)), text(ASK)]);
    expect(other.usage.prompt_tokens_details.cached_tokens).toBeLessThanOrEqual(2);
  });

  test('of several each is read, in their order', async () => {
    const [one, two] = [image(png(4)), image(png(5))];
    const both = await chat([one, two, text(ASK)]);
    const turned = await chat([two, one, text(ASK)]);
    expect(both.usage.prompt_tokens).toBe(turned.usage.prompt_tokens);
    expect(both.usage.prompt_tokens - (await chat([one, text(ASK)])).usage.prompt_tokens).toBe(
      N_ROW + 2,
    );
    expect(turned.usage.prompt_tokens_details.cached_tokens).toBeLessThanOrEqual(2);
  });
});

describe('other APIs', () => {
  test("Ollama's shows it, too", async () => {
    const response = await server.post('/api/chat', {
      ...{ model: MODEL, stream: false, options: { temperature: 0, num_predict: 12 } },
      messages: [{ role: 'user', content: ASK, images: [png(6)] }],
    });
    const { message } = await response.json<{ message: { content: string } }>();
    expect(message.content).toBe(said(await chat([image(png(6)), text(ASK)])));
  });

  test("Anthropic's does, and counts its positions", async () => {
    const source = { type: 'base64', media_type: 'image/png', data: png(7) };
    const messages = [{ role: 'user', content: [text(ASK), { type: 'image', source }] }];
    const body = { model: MODEL, max_tokens: 12, temperature: 0, messages };
    const response = await server.post('/v1/messages', body);
    const { content, usage } = await response.json<{
      content: { text: string }[];
      usage: { input_tokens: number; cache_read_input_tokens?: number };
    }>();
    const expected = await chat([image(png(7)), text(ASK)]);
    expect(content[0]?.text).toBe(said(expected));
    const counted = await server.post('/v1/messages/count_tokens', { model: MODEL, messages });
    expect(await counted.json()).toEqual({ input_tokens: expected.usage.prompt_tokens });
    expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(
      expected.usage.prompt_tokens,
    );
  });

  test('the list of models says that it sees', async () => {
    const response = await fetch(`${server.url}/v1/models/${MODEL}`);
    expect(await response.json()).toMatchObject({
      thimble: {
        modalities: { input: ['text', 'image'], output: ['text'] },
        adapter: { image_encoder: TINY_ENCODER_ID },
      },
    });
  });
});

describe('what cannot be', () => {
  interface Refusal {
    readonly error: {
      readonly message: string;
      readonly param: string;
      readonly thimble_code?: string;
    };
  }
  const refused = async (model: string, content: unknown): Promise<[number, Refusal['error']]> => {
    const body = { model, max_tokens: 4, messages: [{ role: 'user', content }] };
    const response = await server.post('/v1/chat/completions', body);
    return [response.status, (await response.json<Refusal>()).error];
  };

  test('an encoder that is not there is named, with the command that gets it', async () => {
    const [status, error] = await refused(`${STORIES_ID}:lost`, [image(png(1)), text(ASK)]);
    expect(status).toBe(404);
    expect(error.param).toBe('model');
    expect(error.message).toMatch(/sees through nowhere, .*thimble push nowhere/);
    // Texts need none.
    await chat([text(ASK)], `${STORIES_ID}:lost`);
  });

  test('another encoder than the eyes were trained with is refused', async () => {
    const [status, error] = await refused(`${STORIES_ID}:other`, [image(png(1)), text(ASK)]);
    expect(status).toBe(500);
    expect(error.message).toMatch(/trained with another tiny-encoder/);
  });

  test.each([
    ['too many pictures', Array.from({ length: 17 }, () => image(png(1))), /at most 16/],
    ['what is no picture', [image(toBase64(new Uint8Array(40)))], /expected/],
    [
      'an address',
      [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }],
      /data: URL/,
    ],
  ])('%s: refused by its place', async (_, parts, message) => {
    const [status, error] = await refused(MODEL, [...parts, text(ASK)]);
    expect(status).toBe(400);
    expect(error.param).toMatch(/^messages\[0\]\.content\[\d+\]/);
    expect(error.message).toMatch(message);
  });
});
