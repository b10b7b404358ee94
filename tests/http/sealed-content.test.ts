/** What lies on disk after requests: nothing of what was not to be stored, and nothing in the clear of what was. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

/** Words that are nowhere else; each belongs to one request. */
const WORDS = {
  chat: 'quuxchat',
  unstored: 'quuxunstored',
  unstoredTurn: 'quuxunstoredturn',
  turn: 'quuxturn',
  response: 'quuxresponse',
  file: 'quuxfile',
  passage: 'quuxpassage',
  metadata: 'quuxmetadata',
  redacted: 'quuxmail@example.org',
} as const;
/** Names that callers choose stay in the clear (docs/privacy.md): the search below finds what is there. */
const NAMES = ['quux-session', 'quux-collection', 'quux-document', 'quux-filename'];

let server: TestServer;

beforeAll(async () => {
  // own server: it is restarted, and its storage is read.
  server = await startTestServer({ models: [TINY_ENCODER_ID] });
});
afterAll(() => server.close());

async function made(path: string, body: object): Promise<string> {
  const response = await server.post(path, body);
  const text = await response.text();
  expect([path, response.status, text]).toEqual([path, 200, text]);
  return (JSON.parse(text) as { id: string }).id;
}

const say = (content: string, more: object = {}) =>
  made('/v1/chat/completions', { messages: [{ role: 'user', content }], max_tokens: 2, ...more });

async function read(path: string): Promise<string> {
  return await (await fetch(`${server.url}${path}`)).text();
}

async function upload(): Promise<string> {
  const form = new FormData();
  const line = { custom_id: 'a', method: 'POST', url: '/v1/completions' };
  const body = { prompt: WORDS.file, max_tokens: 1 };
  form.set('purpose', 'batch');
  form.set('file', new File([JSON.stringify({ ...line, body })], 'quux-filename.jsonl'));
  const response = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form });
  return (await response.json<{ id: string }>()).id;
}

/** Which of `words` are anywhere in the runtime's storage: databases, their logs, and the bucket. */
async function onDisk(words: readonly string[]): Promise<string[]> {
  const entries = await readdir(server.stateRoot, { recursive: true, withFileTypes: true });
  const found = new Set<string>();
  for (const entry of entries.filter((one) => one.isFile())) {
    const bytes = await readFile(join(entry.parentPath, entry.name));
    for (const word of words) if (bytes.includes(word)) found.add(word);
  }
  return [...found].sort();
}

test('nothing that was sent lies in the clear, and all of it is read again after a restart', async () => {
  await say(WORDS.chat, { store: false });
  await made('/v1/responses', { input: WORDS.unstored, max_output_tokens: 2, store: false });
  await say(WORDS.turn, { session: 'quux-session' });
  await say(WORDS.unstoredTurn, { session: 'quux-session', store: false });
  await say(`Write to ${WORDS.redacted}.`, { session: 'quux-session', redact: true });
  const response = await made('/v1/responses', { input: WORDS.response, max_output_tokens: 2 });
  const file = await upload();
  await made('/v1/collections', { name: 'quux-collection' });
  const metadata = { about: WORDS.metadata };
  await made('/v1/collections/quux-collection/documents', {
    documents: [{ id: 'quux-document', content: `The ${WORDS.passage} is blue.`, metadata }],
  });
  await server.restart();
  expect(await onDisk([...Object.values(WORDS), ...NAMES])).toEqual(NAMES.toSorted());

  const session = await read('/v1/sessions/quux-session');
  expect(session).toContain(WORDS.turn);
  expect(session).not.toContain(WORDS.unstoredTurn);
  expect(await read(`/v1/responses/${response}/input_items`)).toContain(WORDS.response);
  expect(await read(`/v1/files/${file}/content`)).toContain(WORDS.file);
  const search = { query: WORDS.passage, mode: 'text', filter: { about: WORDS.metadata } };
  const found = await server.post('/v1/collections/quux-collection/search', search);
  expect(await found.text()).toContain(`The ${WORDS.passage} is blue.`);
});

test('a response that was not stored is not on disk under its id either', async () => {
  const unstored = await made('/v1/responses', {
    ...{ input: 'Once', max_output_tokens: 2, store: false },
  });
  expect(await onDisk([unstored])).toEqual([]);
  expect((await fetch(`${server.url}/v1/responses/${unstored}`)).status).toBe(404);
});

test('a session ends when its time is over', async () => {
  await say('Hello', { session: 'brief', retention_s: 1 });
  const status = async () => (await fetch(`${server.url}/v1/sessions/brief`)).status;
  expect(await status()).toBe(200);
  await expect.poll(status, { timeout: 15_000 }).toBe(404);
});
