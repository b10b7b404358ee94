/**
 * Sound between a browser and this project: its own decoders read what is written here, and what it records is
 * read here.
 * @module-tag slow
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { toBase64 } from '../../engine/base/base64.ts';
import { joinBytes } from '../../engine/base/joined.ts';
import { MP3_DELAY_SAMPLES } from '../../engine/audio/mp3/encoder.ts';
import { openAudio } from '../../worker/audio/open-audio.ts';
import { openEncoder } from '../../worker/audio/speech-encoder.ts';
import type { Codec } from '../../worker/audio/speech-encoder.ts';
import { shareTestServer } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';
import { findBrowser } from '../support/needs.ts';
import { decoderModules, encoderModules, readAll, signalToNoise, sine } from '../support/sound.ts';

const RATE = 48_000;
/** A second of 440 Hz through the browser's own recorder, which hands it out in parts. */
const RECORD_TONE = `(async () => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 440 });
  const target = context.createMediaStreamDestination();
  tone.connect(target);
  tone.start();
  const recorder = new MediaRecorder(target.stream, { mimeType: 'audio/webm;codecs=opus' });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  recorder.start(100);
  const ended = new Promise((resolve) => (tone.onended = resolve));
  tone.stop(context.currentTime + 1);
  await ended;
  recorder.stop();
  await stopped;
  return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
})()`;
const browser = await findBrowser(['--autoplay-policy=no-user-gesture-required']);

/** Speaks by the server's voice into the browser's recorder, and has the server hear the recording. */
const RECORD_SPEECH = `(async () => {
  const context = new AudioContext();
  const spoken = await fetch('/v1/audio/speech', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'pico-en-us', input: 'It is five past nine.', response_format: 'mp3' }),
  });
  const buffer = await context.decodeAudioData(await spoken.arrayBuffer());
  const voice = new AudioBufferSourceNode(context, { buffer });
  const target = context.createMediaStreamDestination();
  voice.connect(target);
  const recorder = new MediaRecorder(target.stream, { mimeType: 'audio/webm;codecs=opus' });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  const stopped = new Promise((resolve) => (recorder.onstop = resolve));
  const ended = new Promise((resolve) => (voice.onended = resolve));
  recorder.start();
  voice.start();
  await ended;
  recorder.stop();
  await stopped;
  const form = new FormData();
  form.append('model', 'whisper-tiny.en');
  form.append('file', new Blob(parts), 'recording.webm');
  const heard = await fetch('/v1/audio/transcriptions', { method: 'POST', body: form });
  return await heard.text();
})()`;

describe.skipIf(browser === null)('in a browser', () => {
  let page: Page;
  let server: SharedServer;
  beforeAll(async () => {
    server = await shareTestServer(['pico-en-us', 'whisper-tiny.en']);
    page = await browser!.newPage();
    await page.goto(`${server.url}/`);
  });
  afterAll(async () => {
    await browser?.close();
    await server.close();
  });

  test('speech that is played as MP3 and recorded as WebM is understood', async () => {
    const heard = await page.evaluate<string>(RECORD_SPEECH);
    expect(heard).toMatch(/it is (five|5) past (nine|9)/i);
  }, 60_000);

  async function decodeInPage(bytes: Uint8Array): Promise<Float32Array> {
    const samples = await page.evaluate<number[]>(`(async () => {
      const bytes = Uint8Array.from(atob('${toBase64(bytes)}'), (char) => char.charCodeAt(0));
      const context = new OfflineAudioContext(1, ${RATE}, ${RATE});
      const sound = await context.decodeAudioData(bytes.buffer);
      return [...sound.getChannelData(0)];
    })()`);
    return Float32Array.from(samples);
  }

  async function encode(codec: Codec, samples: Float32Array): Promise<Uint8Array> {
    const encoder = await openEncoder(codec, RATE, await encoderModules());
    return joinBytes([...encoder.push(samples), ...encoder.flush()]);
  }

  test.each([
    ['mp3', MP3_DELAY_SAMPLES, 40],
    ['opus', 0, 12],
  ] as const)('%s is decoded to the same sound', async (codec, delay, db) => {
    const want = sine(440, RATE, 1);
    const got = await decodeInPage(await encode(codec, want));
    expect(signalToNoise(want.subarray(4800, -4800), got.subarray(delay + 4800))).toBeGreaterThan(
      db,
    );
  });

  test('what MediaRecorder gives is read: a tone of 440 Hz', async () => {
    const file = await page.evaluate<number[]>(RECORD_TONE);
    const reader = await openAudio(Uint8Array.from(file), await decoderModules());
    const samples = readAll(reader)[0]!;
    expect(reader.container).toBe('webm-opus');
    expect(reader.isTruncated).toBe(false);
    expect(samples.length).toBeGreaterThan(8000);
    // In the middle, where the tone is steady: crossings of zero from below, in half a second.
    const middle = samples.subarray(samples.length / 2 - 4000, samples.length / 2 + 4000);
    const nCrossing = middle.filter((x, i) => x >= 0 && (middle[i - 1] ?? 0) < 0).length;
    expect(Math.abs(nCrossing - 220)).toBeLessThanOrEqual(2);
  });
});
