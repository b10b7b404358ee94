/**
 * Recordings that are sent to do harm, and many at once: what hangs a decoder is refused and the others are
 * answered; nothing is decoded before the form is read, and however a request ends its bytes are let go.
 * @module-tag slow
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinBytes } from '../../engine/base/joined.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { pcm16, sine, soundFile, wavBytes } from '../support/sound.ts';

const model = 'whisper-tiny.en';
const HELD_BYTES = 50 * 1024 * 1024;
const FILE_BYTES = 8 * 1024 * 1024;
/** More than may be held, if each left its bytes behind. */
const N_UPLOAD = Math.ceil(HELD_BYTES / FILE_BYTES);

let server: TestServer;
let endless: Uint8Array<ArrayBuffer>;
beforeAll(async () => {
  // own server: what is held of recordings is counted from nothing.
  server = await startTestServer({ models: [model] });
  endless = Uint8Array.from(await soundFile('endless.mp3'));
});
afterAll(() => server.close());

interface Refusal {
  readonly error: { readonly code: string; readonly param: string; readonly message: string };
}

/** The file comes first: nothing is known of the rest while it is read. */
async function post(file: Uint8Array, fields: Readonly<Record<string, string>> = {}) {
  const form = new FormData();
  form.append('file', new Blob([Uint8Array.from(file)]), 'sound');
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  const body = { method: 'POST', body: form };
  return await fetch(`${server.url}/v1/audio/transcriptions`, body);
}

const healthy = async () =>
  (await post(wavBytes(pcm16(sine(300, 16_000, 0.2))), { model, vad: 'off' })).status;

test('a recording on which a decoder turns for ever is refused, and others are answered', async () => {
  const [refused, beside] = await Promise.all([post(endless, { model }), healthy()]);
  const { error } = await refused.json<Refusal>();
  expect([refused.status, error.code, error.param]).toEqual([400, 'E_AUDIO_INVALID', 'file']);
  expect([beside, await healthy()]).toEqual([200, 200]);
});

test('a long recording with a tag at its end, or cut off, is heard', async () => {
  const one = await soundFile('sound.mp3');
  const long = joinBytes([one, ...Array.from({ length: 5 }, () => one.subarray(20))]);
  const tag = new TextEncoder().encode('TAG'.padEnd(128));
  for (const file of [joinBytes([long, tag]), long.subarray(0, long.length - 100)])
    expect((await post(file, { model, vad: 'off' })).status).toBe(200);
});

test('an unknown model is told before anybody looks into the recording', async () => {
  const response = await post(endless, { model: 'nobody' });
  const { error } = await response.json<Refusal>();
  expect([response.status, error.code]).toEqual([404, 'model_not_found']);
  expect(await healthy()).toBe(200);
});

describe('the bytes of a recording are let go when', () => {
  const many = new Uint8Array(FILE_BYTES);
  /** Three seconds: 192 kHz, eight channels. */
  const loud = wavBytes(new Uint8Array(FILE_BYTES), { rate: 192_000, nChannel: 8 });

  /** Of one more, which is no recording: 503 where there is no room to find that out. */
  const room = async () => (await post(many, { model })).status;

  test.each<[string, number, Uint8Array, Readonly<Record<string, string>>]>([
    ['there is no such model', 404, many, { model: 'nobody' }],
    ['a field is refused', 400, many, { model, language: 'xx' }],
    ['a field is too long', 400, many, { model, prompt: 'a'.repeat(10_000) }],
    ['it is no recording', 400, many, { model }],
    ['it has been heard', 200, loud, { model, vad: 'off' }],
    ['it has been heard, streamed', 200, loud, { model, vad: 'off', stream: 'true' }],
  ])('%s', async (_, status, file, fields) => {
    for (let i = 0; i < N_UPLOAD; i++) {
      const response = await post(file, fields);
      expect(response.status).toBe(status);
      await response.arrayBuffer();
    }
    expect(await room()).toBe(400);
  });

  test('the form breaks off, or its client leaves', async () => {
    for (const isLeft of [false, true]) {
      for (let i = 0; i < N_UPLOAD; i++) await upload(isLeft);
      expect(await room()).toBe(400);
    }
  });

  /** The beginning of a form, of which the end never comes. */
  async function upload(isLeft: boolean): Promise<void> {
    const leave = new AbortController();
    const head = 'content-disposition: form-data; name="file"; filename="a"';
    let left = FILE_BYTES;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(`--x\r\n${head}\r\n\r\n`)),
      pull(controller) {
        if (left > 0) controller.enqueue(many.subarray(0, 2 ** 16));
        else if (isLeft) leave.abort();
        else controller.close();
        left -= 2 ** 16;
      },
    });
    const request = fetch(`${server.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; boundary=x' },
      signal: leave.signal,
      ...({ body, duplex: 'half' } as RequestInit),
    });
    if (isLeft) await expect(request).rejects.toThrow('aborted');
    else expect((await request).status).toBe(400);
  }
});
