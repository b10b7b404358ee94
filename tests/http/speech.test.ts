/**
 * POST /v1/audio/speech: OpenAI's client, sound that is sound, and what is refused.
 * @module-tag slow
 */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Resampler } from '../../engine/audio/resampler.ts';
import { openWav } from '../../engine/audio/wav.ts';
import { fromBase64, toBase64 } from '../../engine/base/base64.ts';
import { shareTestServer, sseData } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findModelFile } from '../support/needs.ts';
import { decoderModules, readMono, signalToNoise } from '../support/sound.ts';
import { openAudio } from '../../worker/audio/open-audio.ts';

const VOICE = 'piper-en-us-joe';
const hasVoice = findModelFile(VOICE) !== null;
const hasSilero = findModelFile('silero-vad') !== null;
const input = 'Hello there. It is five past nine.';

interface Failure {
  readonly error: {
    readonly code: string;
    readonly param: string | null;
    readonly message: string;
  };
}

/** The type, the least ratio of signal to noise in decibels, and the largest part of WAV's bytes. */
const SOUND = {
  mp3: { type: /^audio\/mpeg$/, decibels: 20, part: 0.25 },
  opus: { type: /^audio\/ogg; codecs=opus$/, decibels: 10, part: 0.25 },
  flac: { type: /^audio\/flac$/, decibels: 80, part: 0.8 },
} as const;

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([
    ...(hasVoice ? [VOICE] : []),
    ...(hasSilero ? ['silero-vad'] : []),
  ]);
});
afterAll(() => server.close());

async function failure(body: object): Promise<Failure['error'] & { status: number }> {
  const response = await server.post('/v1/audio/speech', body);
  const { error } = await response.json<Failure>();
  return { ...error, status: response.status };
}

describe('refused', () => {
  test.each([
    ['50,000 characters', { input: 'word '.repeat(10_000) }, 'input', '4096 characters'],
    ['no text', { input: '' }, 'input', ''],
    ['no input', {}, 'input', ''],
    ['a speed beyond', { input, speed: 9 }, 'speed', ''],
    ['a voice of nobody', { input, voice: 'nobody' }, 'voice', ''],
    [
      'aac',
      { input, response_format: 'aac' },
      'response_format',
      'expected wav, mp3, opus, flac or pcm',
    ],
    ['instructions', { input, instructions: 'be sad' }, 'instructions', 'one way'],
  ])('%s', async (_title, body, param, message) => {
    const error = await failure(body);
    expect([error.status, error.param]).toEqual([400, param]);
    expect(error.message).toContain(message);
  });

  test('models that cannot speak', async () => {
    expect((await failure({ input, model: 'nothing' })).code).toBe('model_not_found');
    expect((await failure({ input, model: 'stories260k' })).code).toBe('E_MODEL_KIND');
    if (hasSilero)
      expect((await failure({ input, model: 'silero-vad' })).code).toBe('E_MODEL_KIND');
  });
});

describe.skipIf(!hasVoice)('speech', () => {
  test.each(['😀🎉', '\u0000\u0007', '你好'])('%j says nothing', async (text) => {
    const error = await failure({ input: text });
    expect([error.status, error.param]).toEqual([400, 'input']);
    expect(error.message).toContain('nothing that can be spoken');
  });

  async function wave(body: object): Promise<Float32Array> {
    const format = { response_format: 'wav' };
    const response = await server.post('/v1/audio/speech', { input, seed: 1, ...format, ...body });
    expect(response.headers.get('content-type')).toBe('audio/wav');
    return readWav(new Uint8Array(await response.arrayBuffer()));
  }

  test('comes as WAV, the same for the same seed, faster when told', async () => {
    const [a, b, fast] = [await wave({}), await wave({}), await wave({ speed: 2 })];
    expect(a).toEqual(b);
    expect(a.length / 22_050).toBeGreaterThan(1.5);
    expect(a.length / 22_050).toBeLessThan(4);
    expect(fast.length / a.length).toBeLessThan(0.65);
    expect(Math.max(...a)).toBeGreaterThan(0.1);
  });

  test('markup is not spoken', async () => {
    expect(await wave({ input: `<speak>${input}</speak>` })).toEqual(await wave({}));
  });

  test.each(['mp3', 'opus', 'flac'] as const)(
    'comes as %s, the same sound as WAV',
    async (format) => {
      const response = await server.post('/v1/audio/speech', {
        ...{ input, seed: 1, response_format: format },
      });
      expect(response.headers.get('content-type')).toMatch(SOUND[format].type);
      const bytes = new Uint8Array(await response.arrayBuffer());
      const got = readMono(await openAudio(bytes, await decoderModules()), 16_000);
      const wav = await wave({});
      const wanted = new Resampler(22_050, 16_000).push(wav);
      expect(bytes.length).toBeLessThan(2 * wav.length * SOUND[format].part);
      expect(bestMatch(wanted.subarray(0, 16_000), got)).toBeGreaterThan(SOUND[format].decibels);
    },
  );

  test('MP3 begins before the whole of it is made, and its events end with the usage', async () => {
    const long = 'This is a long sentence about nothing at all. '.repeat(5);
    const response = await server.post('/v1/audio/speech', {
      ...{ input: long, response_format: 'mp3', stream_format: 'sse' },
    });
    const events: { type: string; usage?: { output_tokens: number } }[] = [];
    for await (const data of sseData(response)) events.push(JSON.parse(data) as { type: string });
    expect(events.filter(({ type }) => type === 'speech.audio.delta').length).toBeGreaterThan(5);
    expect(events.at(-1)?.usage?.output_tokens).toBeGreaterThan(50 * 5);
  });

  test.skipIf(!hasSilero)('a voice detector hears it as two sentences', async () => {
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none' });
    const response = await client.audio.speech.create({
      ...{ model: VOICE, voice: 'alloy', input, response_format: 'pcm' },
    });
    const pcm = new Int16Array(await response.arrayBuffer());
    // 24,000 to 8,000 and back to 16,000 would do as well; every third of two is what the detector takes.
    const samples = Float32Array.from({ length: Math.floor((pcm.length * 2) / 3) }, (_, i) => {
      const at = i * 1.5;
      return (pcm[Math.floor(at)]! + pcm[Math.ceil(at)]!) / 65_536;
    });
    const bytes = new Uint8Array(samples.buffer);
    const body = { samples: toBase64(bytes), vad: { hangoverS: 0.15 } };
    const answer = await (
      await server.post('/v1/onnx/silero-vad', body)
    ).json<{
      segments: { start: number; end: number }[];
    }>();
    expect(answer.segments.length).toBe(2);
    expect(answer.segments[0]?.start).toBeLessThan(0.4);
  });

  test('comes as events', async () => {
    const response = await server.post('/v1/audio/speech', {
      ...{ input, seed: 1, response_format: 'wav' },
      stream_format: 'sse',
    });
    const events: { type: string; audio?: string }[] = [];
    for await (const data of sseData(response)) events.push(JSON.parse(data) as { type: string });
    const parts = events.flatMap(({ audio }) => (audio === undefined ? [] : [fromBase64(audio)!]));
    expect(parts.length).toBeGreaterThan(2);
    const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
    const samples = readWav(bytes);
    expect(samples).toEqual(await wave({}));
    const spoken = Math.ceil((samples.length / 22_050) * 50);
    const usage = { input_tokens: input.length, output_tokens: spoken };
    expect(events.at(-1)).toEqual({
      type: 'speech.audio.done',
      usage: { ...usage, total_tokens: input.length + spoken },
    });
  });

  test('a client that leaves ends the work', async () => {
    const abort = new AbortController();
    const long = `${'This is a long sentence about nothing at all. '.repeat(60)}`;
    const response = await server.post(
      '/v1/audio/speech',
      { input: long },
      { signal: abort.signal },
    );
    const reader = response.body!.getReader();
    await reader.read();
    abort.abort();
    await reader.read().catch(() => undefined);
    // The voice is free again: nobody holds it, and the next request is served.
    expect((await wave({})).length).toBeGreaterThan(0);
  });
});

/** The signal-to-noise ratio at the best of the delays that an encoder may have, in decibels. */
function bestMatch(wanted: Float32Array, got: Float32Array): number {
  const matches = Array.from({ length: 1500 }, (_, delay) =>
    signalToNoise(wanted, got.subarray(delay, delay + wanted.length)),
  );
  return Math.max(...matches);
}

function readWav(bytes: Uint8Array): Float32Array {
  const reader = openWav(bytes);
  expect([reader.sampleRate, reader.nChannel]).toEqual([22_050, 1]);
  const samples = new Int16Array(bytes.buffer.slice(bytes.byteOffset + 44));
  return Float32Array.from(samples, (sample) => sample / 32_768);
}
