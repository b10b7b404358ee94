/**
 * /v1/audio/speech with the tiny voice, in the audio script of workerd; heard by Whisper tiny.en.
 * @module-tag slow
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';

const model = 'pico-en-us';
const RATE = 16_000;
const WAV_HEADER_BYTES = 44;

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([model, 'whisper-tiny.en']);
});
afterAll(() => server.close());

async function speak(fields: Readonly<Record<string, unknown>>): Promise<Uint8Array> {
  const wav = { model, response_format: 'wav' };
  const response = await server.post('/v1/audio/speech', { ...wav, ...fields });
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('audio/wav');
  return new Uint8Array(await response.arrayBuffer());
}
const seconds = (wav: Uint8Array) => (wav.length - WAV_HEADER_BYTES) / 2 / RATE;

async function hear(sound: Uint8Array): Promise<string> {
  const form = new FormData();
  form.append('model', 'whisper-tiny.en');
  form.append('file', new Blob([Uint8Array.from(sound)]), 'sound');
  const heard = await fetch(`${server.url}/v1/audio/transcriptions`, {
    method: 'POST',
    body: form,
  });
  return await heard.text();
}
const words = (answer: string) => answer.toLowerCase().match(/[a-z0-9]+/g);

test('what is spoken is understood, numbers and abbreviations too', async () => {
  const wav = await speak({ input: 'Doctor Smith lives here. He has 21 cats.' });
  expect(await hear(wav)).toMatch(/smith lives here.*(21|twenty-one) cats/i);
});

test.each([
  ['mp3', 'audio/mpeg'],
  ['opus', 'audio/ogg; codecs=opus'],
])('%s, the first by default, is heard as WAV is, and takes less', async (format, contentType) => {
  const input = 'It is five past nine, and nobody is here.';
  const wav = await speak({ input });
  const given = format === 'mp3' ? {} : { response_format: format };
  const response = await server.post('/v1/audio/speech', { model, input, ...given });
  expect(response.headers.get('content-type')).toBe(contentType);
  const bytes = new Uint8Array(await response.arrayBuffer());
  expect(bytes.length).toBeLessThan(wav.length / 3);
  expect(words(await hear(bytes))).toEqual(words(await hear(wav)));
});

test('the same text gives the same samples, faster ones fewer of them', async () => {
  const input = 'The sea is blue, and the night is long.';
  const [once, again] = [await speak({ input }), await speak({ input })];
  expect(again).toEqual(once);
  expect(seconds(once)).toBeGreaterThan(1.5);
  expect(seconds(once)).toBeLessThan(6);
  expect(seconds(await speak({ input, speed: 2 }))).toBeLessThan(0.7 * seconds(once));
});

test('as much as may be said, and markup that is no command', async () => {
  const long = 'All is well. '.repeat(315).slice(0, 4096);
  expect(seconds(await speak({ input: long }))).toBeGreaterThan(100);
  const marked = await speak({
    input: '<speed level="20">Slow</speed> <volume level="0">loud</volume>',
  });
  expect(seconds(marked)).toBeLessThan(4);
});

test.each([
  [{ input: '😀' }, 400, 'input'],
  [{ input: 'a'.repeat(50_000) }, 400, 'input'],
  [{ input: 'a', speed: 9 }, 400, 'speed'],
  [{ input: 'a', response_format: 'aac' }, 400, 'response_format'],
  [{ input: '😀', response_format: 'mp3' }, 400, 'input'],
] as const)('refused: %j', async (fields, status, param) => {
  const wav = { model, response_format: 'wav' };
  const response = await server.post('/v1/audio/speech', { ...wav, ...fields });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { param } });
});
