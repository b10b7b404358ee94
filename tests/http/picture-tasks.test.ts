/**
 * Tasks on pictures: what is read, and what a chat says of the same picture.
 * @module-tag slow
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer, sseData } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { dataUrl } from '../support/pictures.ts';

const OCR = 'pp-ocr-v4';
const MODEL = 'smollm2-135m-instruct';
const image = dataUrl(
  new Uint8Array(readFileSync(join(repoRoot, 'tests/golden/text-picture.png'))),
);
const question = 'What is the number of the order?';

interface Answer {
  readonly object: string;
  readonly text: string;
  readonly finish_reason: string;
  readonly images: readonly { readonly field: string; readonly text: readonly object[] }[];
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}
interface Read {
  readonly text: string;
  readonly lines: readonly { readonly text: string; readonly box: readonly number[] }[];
  readonly width: number;
  readonly height: number;
}
interface Refusal {
  readonly error: { readonly message: string; readonly param: string };
}

describe.skipIf(findModelFile(OCR) === null || findModelFile(MODEL) === null)(
  'tasks on pictures',
  () => {
    let server: SharedServer;
    beforeAll(async () => {
      server = await shareTestServer([OCR, MODEL]);
    });
    afterAll(() => server.close());

    const ask = (name: string, body: object): Promise<Response> =>
      server.post(`/v1/tasks/${name}`, { max_tokens: 12, ...body });

    test('read: the lines, where they are', async () => {
      const response = await server.post('/v1/tasks/read', { image });
      expect(response.status).toBe(200);
      const { text, lines, width, height } = await response.json<Read>();
      expect(text).toBe(lines.map((line) => line.text).join('\n'));
      expect(text).toMatch(/order/i);
      for (const { box } of lines) {
        const [left = -1, top = -1, right = -1, bottom = -1] = box;
        expect(0 <= left && left < right && right <= width).toBe(true);
        expect(0 <= top && top < bottom && bottom <= height).toBe(true);
      }
    });

    test('vqa: what a chat says of the same picture and question', async () => {
      const answer = await (await ask('vqa', { model: MODEL, image, question })).json<Answer>();
      const content = [
        { type: 'image_url', image_url: { url: image } },
        { type: 'text', text: question },
      ];
      const chat = await server.post('/v1/chat/completions', {
        ...{ model: MODEL, max_tokens: 12, temperature: 0 },
        messages: [{ role: 'user', content }],
      });
      const said = await chat.json<{
        choices: { message: { content: string }; finish_reason: string }[];
        images: object[];
        usage: { prompt_tokens: number };
      }>();
      expect(answer).toMatchObject({
        ...{ object: 'task.vqa', text: said.choices[0]!.message.content.trim() },
        finish_reason: said.choices[0]!.finish_reason,
        usage: { prompt_tokens: said.usage.prompt_tokens },
      });
      expect(answer.images).toEqual([{ ...said.images[0], field: 'image' }]);
    });

    test('caption: streamed, in parts that make the whole', async () => {
      const whole = await (await ask('caption', { model: MODEL, image })).json<Answer>();
      expect(whole).toMatchObject({ object: 'task.caption', model: MODEL });
      expect(whole.text).not.toBe('');
      const streamed = await ask('caption', { model: MODEL, image, stream: true });
      const events = (await Array.fromAsync(sseData(streamed))).filter((data) => data !== '[DONE]');
      const parsed = events.map((data) => JSON.parse(data) as Answer & { delta?: string });
      const last = parsed.at(-1);
      expect(
        parsed
          .flatMap(({ delta = '' }) => delta)
          .join('')
          .trim(),
      ).toBe(whole.text);
      expect([last.text, last.finish_reason]).toEqual([whole.text, whole.finish_reason]);
    });

    test.each<[string, string, object, string, string]>([
      ['no picture', 'caption', {}, 'image', 'expected'],
      ['no question', 'vqa', { image }, 'question', 'expected'],
      ['an empty question', 'vqa', { image, question: ' ' }, 'question', 'not empty'],
      ['an address', 'caption', { image: 'https://example.com/a.png' }, 'image', 'no addresses'],
      ['no picture in it', 'read', { image: dataUrl(new Uint8Array(9)) }, 'image', 'PNG or JPEG'],
      ['no picture at all', 'read', {}, 'image', 'expected'],
      ['too hot', 'caption', { image, temperature: 3 }, 'temperature', 'at most 2'],
    ])('%s is refused by name', async (_, name, body, param, message) => {
      const response = await ask(name, { model: MODEL, ...body });
      const { error } = await response.json<Refusal>();
      expect([response.status, error.param]).toEqual([400, param]);
      expect(error.message).toContain(message);
    });

    test('a model that does not chat is refused', async () => {
      const response = await ask('caption', { model: OCR, image });
      expect(response.status).toBe(400);
      expect((await response.json<Refusal>()).error.param).toBe('model');
    });
  },
);
