/**
 * /v1/audio/transcriptions and /v1/realtime/transcribe with Whisper tiny.en and Silero's detector in
 * workerd: OpenAI's own client, forms that no client sends, a socket that behaves and some that do not.
 * @module-tag slow
 */
import { readFileSync } from 'node:fs';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { joinBytes } from '../../engine/base/joined.ts';
import { MAX_AUDIO_BYTES } from '../../worker/audio/limits.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { pcm16, sine, wavBytes } from '../support/sound.ts';
import { findRecording } from '../support/needs.ts';

const JFK = findRecording();
const SAID = /and so,? my fellow americans,? ask not what your country can do for you/i;

let server: SharedServer;
let openai: OpenAI;
let jfk: Uint8Array;
beforeAll(async () => {
  server = await shareTestServer(['whisper-tiny.en', 'silero-vad']);
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
  jfk = JFK === null ? new Uint8Array(0) : readFileSync(JFK);
});
afterAll(() => server.close());

const asFile = async (bytes: Uint8Array, name = 'sound.wav') =>
  await toFile(new Blob([Uint8Array.from(bytes)]), name);
const model = 'whisper-tiny.en';

describe.skipIf(JFK === null)('a minute of history', () => {
  test('json, by the openai client', async () => {
    const answer = await openai.audio.transcriptions.create({ file: await asFile(jfk), model });
    expect(answer.text).toMatch(SAID);
    expect(answer.usage).toEqual({ type: 'duration', seconds: 11 });
  });

  test('verbose_json with segments and words whose times follow each other', async () => {
    const answer = await openai.audio.transcriptions.create({
      file: await asFile(jfk),
      model,
      response_format: 'verbose_json',
      timestamp_granularities: ['word', 'segment'],
    });
    expect(answer).toMatchObject({ language: 'english', duration: 11, task: 'transcribe' });
    const segments = answer.segments ?? [];
    expect(
      segments
        .map(({ text }) => text)
        .join('')
        .trim(),
    ).toBe(answer.text);
    const words = answer.words ?? [];
    expect(words.map(({ word }) => word).join(' ')).toBe(answer.text);
    let before = 0;
    for (const { start, end } of words) {
      expect(start).toBeGreaterThanOrEqual(before);
      expect(end).toBeGreaterThanOrEqual(start);
      before = start;
    }
    expect(before).toBeGreaterThan(8);
    expect(before).toBeLessThan(11);
  });

  test('only what was asked for is in verbose_json', async () => {
    const create = async (timestamp_granularities: ('word' | 'segment')[]) =>
      await openai.audio.transcriptions.create({
        ...{ file: await asFile(jfk), model, response_format: 'verbose_json' as const },
        timestamp_granularities,
      });
    expect(Object.keys(await create(['word']))).not.toContain('segments');
    expect(Object.keys(await create(['segment']))).not.toContain('words');
  });

  test.each([
    ['text', 'text/plain', /^And so/],
    ['srt', 'application/x-subrip', /^1\n00:00:00,\d{3} --> 00:00:\d\d,\d{3}\nAnd so/],
    ['vtt', 'text/vtt', /^WEBVTT\n\n00:00:00\.\d{3} --> 00:00:\d\d\.\d{3}\nAnd so/],
  ])('%s', async (format, type, text) => {
    const response = await post({ file: jfk, response_format: format });
    expect(response.headers.get('content-type')).toBe(`${type}; charset=utf-8`);
    expect(await response.text()).toMatch(text);
  });

  test('streamed, by the openai client', async () => {
    const stream = await openai.audio.transcriptions.create({
      file: await asFile(jfk),
      model,
      stream: true,
    });
    let text = '';
    let last = '';
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') text += event.delta;
      last = event.type === 'transcript.text.done' ? event.text : last;
    }
    expect(text).toMatch(SAID);
    expect(last).toBe(text.trim());
  });

  test('log-probabilities of its tokens, whole and streamed', async () => {
    const asked = { file: await asFile(jfk), model, include: ['logprobs' as const] };
    const whole = await openai.audio.transcriptions.create(asked);
    const tokens = whole.logprobs ?? [];
    expect(
      tokens
        .map(({ token }) => token)
        .join('')
        .trim(),
    ).toBe(whole.text);
    for (const { token = '', logprob = 1, bytes = [] } of tokens) {
      expect(logprob).toBeLessThanOrEqual(0);
      expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(token);
    }
    const words = await openai.audio.transcriptions.create({
      ...{ file: await asFile(jfk), model, response_format: 'verbose_json' },
      timestamp_granularities: ['word'],
    });
    const [fellow] = (words.words ?? []).filter(({ word }) => word === 'fellow');
    const { probability } = fellow as unknown as { probability: number };
    const same = tokens.find(({ token }) => token === ' fellow');
    expect(Math.exp(same?.logprob ?? 1)).toBeCloseTo(probability, 6);
    const stream = await openai.audio.transcriptions.create({ ...asked, stream: true });
    const parts: object[] = [];
    let last: object[] = [];
    for await (const event of stream) {
      if (event.type === 'transcript.text.delta') parts.push(...(event.logprobs ?? []));
      if (event.type === 'transcript.text.done') last = event.logprobs ?? [];
    }
    expect(parts).toEqual(tokens);
    expect(last).toEqual(tokens);
  });

  test('possible languages and likely words', async () => {
    const response = await post({
      file: jfk,
      model,
      'languages[]': 'en',
      'keywords[]': 'American',
    });
    expect(response.status).toBe(200);
    const { text } = await response.json<{ text: string }>();
    expect(text).toMatch(SAID);
  });

  test('samples without a header, at another rate', async () => {
    const half = new Int16Array(jfk.slice(44).buffer).filter((_, i) => i % 2 === 0);
    const response = await post(
      { file: new Uint8Array(half.buffer) },
      '?encoding=pcm16&sample_rate=8000',
    );
    expect((await response.json<{ text: string }>()).text).toMatch(/my fellow Americans/i);
  });

  test('a recording that is cut off is heard as far as it goes, and says so', async () => {
    const response = await post({
      file: jfk.subarray(0, 200_000),
      response_format: 'verbose_json',
    });
    const answer = await response.json<{ duration: number; thimble: { truncated: boolean } }>();
    expect(answer.thimble.truncated).toBe(true);
    expect(answer.duration).toBeCloseTo(6.25, 1);
  });

  test('silence between is skipped, and times are those of the recording', async () => {
    const second = 32_000;
    const gap = new Uint8Array(40 * second);
    const twice = wavBytes(joinBytes([jfk.subarray(44), gap, jfk.subarray(44)]));
    const answer = await openai.audio.transcriptions.create({
      file: await asFile(twice),
      model,
      response_format: 'verbose_json',
    });
    expect(answer.text.match(/fellow americans/gi)).toHaveLength(2);
    const starts = (answer.segments ?? []).map(({ start }) => start);
    expect(starts.some((start) => start > 50 && start < 54)).toBe(true);
    expect(starts.every((start) => start < 12 || start > 50)).toBe(true);
  });

  test('without the detector, windows follow each other', async () => {
    const long = wavBytes(joinBytes([1, 2, 3, 4].map(() => jfk.subarray(44))));
    const response = await post({ file: long, vad: 'off', response_format: 'verbose_json' });
    const answer = await response.json<{ text: string; thimble: { windows: number } }>();
    expect(answer.text.match(/fellow americans/gi)).toHaveLength(4);
    expect(answer.thimble.windows).toBeGreaterThan(1);
  });
});

test('silence has no text, and noise no invention', async () => {
  for (const samples of [new Float32Array(16_000 * 5), sine(440, 16_000, 5, 0.01)]) {
    const response = await post({ file: wavBytes(pcm16(samples)) });
    expect(await response.json()).toMatchObject({ text: '' });
  }
});

interface Fields {
  readonly [name: string]: Uint8Array | string | undefined;
}

async function post(fields: Fields, query = '', path = 'transcriptions'): Promise<Response> {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (typeof value === 'string') form.append(name, value);
    else form.append(name, new Blob([Uint8Array.from(value)]), 'sound');
  }
  return await fetch(`${server.url}/v1/audio/${path}${query}`, { method: 'POST', body: form });
}

describe('refused by name', () => {
  const sound = wavBytes(pcm16(sine(300, 16_000, 0.2)));
  const hour = new Uint8Array(8000 * 3700);
  const CASES: [
    name: string,
    Fields,
    query: string,
    status: number,
    param: string,
    text: string,
  ][] = [
    ['no file', { language: 'en' }, '', 400, 'file', 'expected a file'],
    ['an empty file', { file: new Uint8Array(0) }, '', 400, 'file', '0 bytes'],
    [
      'a text',
      { file: new TextEncoder().encode('not a recording at all') },
      '',
      400,
      'file',
      'not a recording',
    ],
    ['4 Hz', { file: wavBytes(pcm16(sine(1, 4, 9)), { rate: 4 }) }, '', 400, 'file', '4 Hz'],
    ['1 MHz', { file: wavBytes(new Uint8Array(64), { rate: 1e6 }) }, '', 400, 'file', '1000000 Hz'],
    [
      '9 channels',
      { file: wavBytes(new Uint8Array(90), { nChannel: 9 }) },
      '',
      400,
      'file',
      '9 channels',
    ],
    [
      'more than an hour',
      { file: wavBytes(hour, { rate: 8000, bits: 8 }) },
      '',
      413,
      'file',
      'bytes',
    ],
    [
      'an unknown language',
      { file: sound, language: 'xx' },
      '',
      400,
      'language',
      'expected one of',
    ],
    [
      'a language it does not know',
      { file: sound, language: 'fr' },
      '',
      400,
      'language',
      'expected one of en',
    ],
    ['a temperature of 2', { file: sound, temperature: '2' }, '', 400, 'temperature', '0 to 1'],
    [
      'an unknown format',
      { file: sound, response_format: 'doc' },
      '',
      400,
      'response_format',
      'verbose_json',
    ],
    [
      'a stream of srt',
      { file: sound, response_format: 'srt', stream: 'true' },
      '',
      400,
      'stream',
      'srt',
    ],
    [
      'words in plain json',
      { file: sound, 'timestamp_granularities[]': 'word' },
      '',
      400,
      'timestamp_granularities[]',
      'verbose_json',
    ],
    [
      'an unknown part',
      { file: sound, 'include[]': 'speakers' },
      '',
      400,
      'include[]',
      'expected logprobs',
    ],
    [
      'log-probabilities of subtitles',
      { file: sound, 'include[]': 'logprobs', response_format: 'srt' },
      '',
      400,
      'include[]',
      'expected response_format json',
    ],
    [
      'a text model',
      { file: sound, model: 'stories260k' },
      '',
      400,
      'model',
      'expected a speech model',
    ],
    [
      'a language that the model does not know',
      { file: sound, model, 'languages[]': 'de' },
      '',
      400,
      'languages',
      'expected one of en',
    ],
    [
      'a language and languages',
      { file: sound, model, language: 'en', languages: 'en' },
      '',
      400,
      'languages',
      'absent',
    ],
    [
      'an empty keyword',
      { file: sound, model, keywords: ' ' },
      '',
      400,
      'keywords',
      '1 to 200 characters',
    ],
    ['no such model', { file: sound, model: 'whisper-9' }, '', 404, 'model', 'no model'],
    ['an unknown encoding', { file: sound }, '?encoding=mulaw', 400, 'encoding', 'pcm16'],
    [
      'a rate of words',
      { file: sound },
      '?encoding=pcm16&sample_rate=high',
      400,
      'sample_rate',
      'whole number',
    ],
  ];
  test.each(CASES)('%s', async (_name, fields, query, status, param, text) => {
    const response = await post(fields, query);
    const { error } = await response.json<{ error: { message: string; param: string } }>();
    expect({ status: response.status, param: error.param }).toEqual({ status, param });
    expect(error.message).toContain(text);
  });

  test('more sound than is heard of one file', async () => {
    const quiet = wavBytes(new Uint8Array(4000 * 3700), { rate: 4000, bits: 8 });
    expect(quiet.length).toBeLessThan(MAX_AUDIO_BYTES);
    const response = await post({ file: quiet });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('more than 3600 seconds');
  });

  test('an AIFF, by what it is and not by its name', async () => {
    const response = await post({ file: new TextEncoder().encode('FORM\0\0\0\0AIFF') });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('AIFF');
  });

  test('a translation by a model that knows English alone', async () => {
    const response = await post({ file: sound }, '', 'translations');
    expect(response.status).toBe(400);
    expect(await response.text()).toContain('knows English alone');
  });

  test('a speech model where text is made', async () => {
    const response = await server.post('/v1/completions', { model, prompt: 'a' });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      error: { code: 'E_MODEL_KIND', param: 'model' },
    });
  });

  test('the speech model is listed as what it is', async () => {
    const response = await fetch(`${server.url}/v1/models/${model}`);
    expect(await response.json()).toMatchObject({
      thimble: { kind: 'speech', modalities: { input: ['audio'], output: ['text'] } },
    });
  });
});

interface LiveEvent {
  readonly type: string;
  readonly text?: string;
  readonly seconds?: number;
  readonly start?: number;
  readonly end?: number;
  readonly latency_ms?: number;
  readonly error?: { readonly message: string };
}

/** Everything a socket says until it closes. */
async function live(
  query: string,
  speak: (socket: WebSocket) => void,
): Promise<{ events: LiveEvent[]; code: number }> {
  const socket = new WebSocket(
    `${server.url.replace('http', 'ws')}/v1/realtime/transcribe${query}`,
  );
  const events: LiveEvent[] = [];
  socket.addEventListener('open', () => speak(socket));
  socket.addEventListener('message', ({ data }) =>
    events.push(JSON.parse(String(data)) as LiveEvent),
  );
  const code = await new Promise<number>((resolve) => {
    socket.addEventListener('close', (event) => resolve(event.code));
  });
  return { events, code };
}

describe('while it is spoken', () => {
  test.skipIf(JFK === null)('partials, finals and an end; bytes may be cut anywhere', async () => {
    const pcm = jfk.slice(44);
    const { events, code } = await live('?language=English', (socket) => {
      for (let at = 0; at < pcm.length; at += 7777) socket.send(pcm.slice(at, at + 7777));
      socket.send(new Uint8Array(32_000));
      socket.send(JSON.stringify({ type: 'end' }));
    });
    expect(code).toBe(1000);
    expect(events[0]).toMatchObject({ type: 'ready', model, sample_rate: 16_000 });
    const finals = events.filter(({ type }) => type === 'final');
    const text = finals.map((event) => event.text).join(' ');
    expect(text).toMatch(/my fellow Americans/i);
    expect(text).toMatch(/for your country/i);
    expect(finals.every((event) => event.latency_ms! >= 0 && event.end! > event.start!)).toBe(true);
    expect(events.at(-1)).toEqual({ type: 'done', seconds: pcm.length / 32_000 + 1 });
  });

  test.skipIf(JFK === null)(
    'what is being said can be made final at once, at another rate',
    async () => {
      const half = new Int16Array(jfk.slice(44).buffer)
        .filter((_, i) => i % 2 === 0)
        .slice(0, 16_000);
      const { events } = await live('?sample_rate=8000', (socket) => {
        socket.send(half);
        socket.send(JSON.stringify({ type: 'commit' }));
        socket.send(JSON.stringify({ type: 'end' }));
      });
      expect(events.filter(({ type }) => type === 'final').length).toBeGreaterThan(0);
    },
  );

  test('silence ends without a word', async () => {
    const { events, code } = await live('', (socket) => {
      socket.send(new Uint8Array(64_001));
      socket.send(JSON.stringify({ type: 'end' }));
    });
    expect(code).toBe(1000);
    expect(events.map(({ type }) => type)).toEqual(['ready', 'done']);
  });

  test.each([
    [
      'minutes at once',
      (socket: WebSocket) => {
        for (let i = 0; i < 4; i++) socket.send(new Uint8Array(1_600_000));
      },
      'wait to be heard',
    ],
    [
      'a message that is too large',
      (socket: WebSocket) => socket.send(new Uint8Array(2_000_000)),
      'expected at most',
    ],
    ['words that are no JSON', (socket: WebSocket) => socket.send('hello'), 'no JSON'],
    ['an unknown command', (socket: WebSocket) => socket.send('{"type": "sing"}'), 'type'],
  ] as const)('%s: told why, then closed', async (_name, speak, text) => {
    const { events, code } = await live('', speak);
    expect(code).toBe(1008);
    expect(events.at(-1)).toMatchObject({ type: 'error' });
    expect(events.at(-1)?.error?.message).toContain(text);
  });

  test.each([
    ['?sample_rate=4', 400],
    ['?language=xx', 400],
    ['?model=nobody', 404],
    ['?model=stories260k', 400],
  ])('%s is refused before the socket opens', async (query, status) => {
    const response = await fetch(`${server.url}/v1/realtime/transcribe${query}`, {
      headers: { upgrade: 'websocket' },
    }).catch(() => null);
    // fetch will not upgrade; what it sends is refused for that, and the server stays up.
    expect([status, 400, undefined]).toContain(response?.status);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });
});
