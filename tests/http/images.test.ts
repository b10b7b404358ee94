/**
 * /v1/images/labels with EfficientNet-Lite0 in workerd: what PyTorch sees in a picture, and bad input.
 * @module-tag slow
 */
import { encode } from 'fast-png';
import { toBase64 } from '../../engine/base/base64.ts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { goldenPicture, goldenScores, SIDE } from '../support/vision.ts';

const model = 'efficientnet-lite0';
const CHAT_MODEL = 'smollm2-135m-instruct';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([model, CHAT_MODEL]);
});
afterAll(() => server.close());

const dataUrl = (bytes: Uint8Array): string => `data:image/png;base64,${toBase64(bytes)}`;
const picture = dataUrl(encode({ width: SIDE, height: SIDE, data: goldenPicture(), channels: 3 }));

interface Labels {
  readonly model: string;
  readonly labels: readonly { readonly label: string; readonly score: number }[];
}

test('the label that PyTorch gives, with its probability', async () => {
  const response = await server.post('/v1/images/labels', { image: picture, top: 3 });
  expect(response.status).toBe(200);
  const { labels, ...answer } = await response.json<Labels>();
  expect(answer).toMatchObject({ model, object: 'image.labels' });
  const want = goldenScores.lite0;
  const top = Math.max(...want);
  const sum = want.reduce((total, value) => total + Math.exp(value - top), 0);
  const scores = labels.map(({ score }) => score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(labels).toHaveLength(3);
  expect(scores[0]).toBeGreaterThan(0.7 / sum);
  expect(scores[0]).toBeLessThan(1.4 / sum);
});

test('a chat model without eyes is told the labels', async () => {
  const asked = await server.post('/v1/images/labels', { image: picture, top: 3 });
  const { labels } = await asked.json<Labels>();
  const content = [
    { type: 'text', text: 'What is this?' },
    { type: 'image_url', image_url: { url: picture } },
  ];
  const response = await server.post('/v1/chat/completions', {
    ...{ model: CHAT_MODEL, max_tokens: 4, temperature: 0 },
    messages: [{ role: 'user', content }],
  });
  const { images } = await response.json<{
    images: { labels: Labels['labels']; description: string; missing: { name: string }[] }[];
  }>();
  const likely = labels.filter(({ score }) => score >= 0.15);
  expect(images[0]?.labels.map(({ label }) => label)).toEqual(likely.map(({ label }) => label));
  expect(images[0]?.description).toContain('The picture looks like: ');
  for (const { label } of likely) expect(images[0]?.description).toContain(label);
  expect(images[0]?.missing.map(({ name }) => name)).toEqual(['text']);
});

test('it is listed as what it is', async () => {
  const response = await fetch(`${server.url}/v1/models/${model}`);
  expect(await response.json()).toMatchObject({
    thimble: { kind: 'vision', modalities: { input: ['image'], output: ['text'] } },
  });
});

test.each<[string, object, number, string, string]>([
  ['no picture', {}, 400, 'image', 'expected a string, got nothing'],
  ['an address', { image: 'https://example.com/a.png' }, 400, 'image', 'fetches no addresses'],
  ['no picture in it', { image: dataUrl(Uint8Array.of(1, 2, 3)) }, 400, 'image', 'PNG or JPEG'],
  ['no labels', { image: picture, top: 0 }, 400, 'top', 'top'],
  ['a text model', { image: picture, model: 'stories260k' }, 400, 'model', 'an image encoder'],
  ['no such model', { image: picture, model: 'nothing' }, 404, 'model', 'nothing'],
])('%s is refused by name', async (_, body, status, param, text) => {
  const response = await server.post('/v1/images/labels', body);
  const { error } = await response.json<{ error: { message: string; param: string } }>();
  expect({ status: response.status, param: error.param }).toEqual({ status, param });
  expect(error.message).toContain(text);
});

test('where text is asked for, an image encoder is refused by name', async () => {
  const messages = [{ role: 'user', content: 'Hello' }];
  const response = await server.post('/v1/chat/completions', { model, messages });
  expect(response.status).toBe(400);
  const { error } = await response.json<{ error: { message: string } }>();
  expect(error.message).toContain('image encoder');
});
