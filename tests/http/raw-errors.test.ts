/**
 * Errors that nobody foresaw, in every script: their text is in no answer, and each is in the log of
 * the script it happened in, with its place and its request, and without what was asked or said.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { importOnnx } from '../../scripts/import/onnx/import-onnx.ts';
import { distDir } from '../../scripts/lib/paths.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { linearBytes } from '../support/onnx-models.ts';
import { dataUrl, formulaPng } from '../support/pictures.ts';
import { pcm16, sine, wavBytes } from '../support/sound.ts';
import { writeTinyHf } from '../support/tiny-whisper.ts';

/** What a request says to make the gateway fail. */
const TRIGGER = 'please fail here';
/** What every failure says. */
const SECRET = 'what nobody may read';

const fail = `() => { throw new TypeError(${JSON.stringify(SECRET)}); }`;
/** Hashes are asked for wherever a model is loaded. */
const FAILING_HASH = `crypto.subtle.digest = ${fail};`;
/** Run before a script's own code: functions of the platform that fail as none of ours foresees. */
const FAULTS = {
  stage: FAILING_HASH,
  onnx: FAILING_HASH,
  documents: `DataView.prototype.getUint32 = ${fail};`,
  audio: `${FAILING_HASH} DataView.prototype.getUint16 = ${fail};`,
  gateway: `
    for (const [owner, name] of [[TextEncoder.prototype, 'encode'], [String.prototype, 'replaceAll']]) {
      const original = owner[name];
      owner[name] = function (...args) {
        if ([String(this), ...args].some((text) => typeof text === 'string' && text.includes(${JSON.stringify(TRIGGER)})))
          (${fail})();
        return original.apply(this, args);
      };
    }`,
} as const;

let root: string;
let server: TestServer;
const log: string[] = [];

beforeAll(async () => {
  // Miniflare tells of every request, too.
  vi.spyOn(console, 'log').mockReturnValue(undefined);
  root = await mkdtemp(join(tmpdir(), 'thimble-raw-errors-'));
  const modelsRoot = join(root, 'models');
  await writeFile(join(root, 'linear.onnx'), linearBytes());
  const dims = new Map([['batch', 4]]);
  await importOnnx({ input: join(root, 'linear.onnx'), id: 'linear', outRoot: modelsRoot, dims });
  const whisper = await writeTinyHf(join(root, 'whisper'));
  await importModel({ input: whisper, id: 'tiny-whisper', outRoot: modelsRoot });
  const sources = await Promise.all(
    Object.entries(FAULTS).map(async ([script, fault]) => {
      const own = await readFile(join(distDir, script, 'index.js'), 'utf8');
      return [script, `${fault}\n${own}`] as const;
    }),
  );
  // own server: its scripts have faults, and its log is read.
  server = await startTestServer({
    sources: Object.fromEntries(sources),
    onLog: (line) => log.push(line),
    // Pictures are described where the model that it names is there.
    vars: { OCR_MODEL: 'linear' },
    models: ['pico-en-us', TINY_ENCODER_ID],
    imported: { modelsRoot, ids: ['linear', 'tiny-whisper'] },
  });
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

interface Failure {
  readonly place: string;
  readonly code: string;
  readonly request_id: string;
  readonly cause: string;
  readonly at: readonly string[];
}

function failuresOf(requestId: string | null): Failure[] {
  return log
    .filter((line) => line.includes('"event":"failure"'))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Failure)
    .filter((failure) => failure.request_id === requestId);
}

const tone = () => {
  const form = new FormData();
  form.set('model', 'tiny-whisper');
  form.set('file', new Blob([Uint8Array.from(wavBytes(pcm16(sine(440, 16_000, 1))))]), 'tone.wav');
  return fetch(`${server.url}/v1/audio/transcriptions?vad=none`, { method: 'POST', body: form });
};
const chat = { messages: [{ role: 'user', content: TRIGGER }], max_tokens: 4 };

const url = dataUrl(formulaPng(4, 4, 1));
const seen = {
  messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
};

const CASES: readonly (readonly [place: string, ask: () => Promise<Response>])[] = [
  ['gateway.applyTemplate', () => server.post('/apply-template', chat)],
  ['gateway.chatCompletions', () => server.post('/v1/chat/completions', { ...chat, session: 'a' })],
  ['gateway.createResponse', () => server.post('/v1/responses', { input: TRIGGER })],
  ['stage.generate', () => server.post('/v1/completions', { prompt: 'Once', stream: true })],
  ['stage.status', () => server.post('/v1/tasks/summarize', { text: 'Once upon a time.' })],
  ['stage.embed', () => server.post('/v1/embeddings', { model: 'tiny-encoder', input: 'the sea' })],
  ['documents.readPicture', () => server.post('/v1/chat/completions', seen)],
  ['onnx.run', () => server.post('/v1/onnx/linear', { inputs: ROW })],
  ['audio.decode', tone],
  ['audio.speak', () => server.post('/v1/audio/speech', { model: 'pico-en-us', input: 'Hello.' })],
];
const ROW = { x: { dtype: 'float32', shape: [1, 3], data: [1, 2, 3] } };

test.each(CASES)('%s: redacted where it leaves, logged where it happened', async (place, ask) => {
  const response = await ask();
  const text = await response.text();
  expect([response.status, JSON.parse(text)]).toEqual([
    500,
    {
      error: {
        message: 'internal error: the server failed unexpectedly; its log has the particulars.',
        ...{ type: 'api_error', param: null, code: 'E_INTERNAL' },
      },
    },
  ]);
  expect(JSON.stringify([...response.headers])).not.toContain(SECRET);
  const id = response.headers.get('x-request-id');
  await expect.poll(() => failuresOf(id).map((failure) => failure.place)).toContain(place);
  const failure = failuresOf(id).find((one) => one.place === place);
  expect(failure).toMatchObject({ code: 'E_INTERNAL', cause: 'TypeError' });
  expect(failure?.at.length).toBeGreaterThan(0);
});

test('a collection that fails says so of its documents', async () => {
  await server.post('/v1/collections', { name: 'notes', model: 'tiny-encoder' });
  const response = await server.post('/v1/collections/notes/documents', {
    documents: [{ id: 'a', content: 'the sea' }],
  });
  const text = await response.text();
  expect(text).toContain('E_INTERNAL');
  expect(text).not.toContain(SECRET);
});

test('no line of any log holds what was asked, or what the error said', () => {
  expect(log.length).toBeGreaterThan(CASES.length);
  for (const line of log) {
    expect(line).not.toContain(SECRET);
    expect(line).not.toContain(TRIGGER);
  }
});
