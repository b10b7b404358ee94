/** Everything of a subject: exported, erased, and not readable when old rows come back. */
import { cp, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askWith, bearer, makeKey } from '../support/keys.ts';
import type { AskWith } from '../support/keys.ts';
import { openTestBucket } from '../support/run/storage.ts';
import { hashBytes } from '../../scripts/lib/hash-file.ts';

let server: TestServer;

beforeAll(async () => {
  // own server: it asks for keys, and its storage is replaced.
  server = await startTestServer({ vars: { ACCESS: 'keys' }, models: [TINY_ENCODER_ID] });
});
afterAll(() => server.close());

interface Kept {
  readonly id: string;
  readonly ask: AskWith;
  /** Paths that answer 200 while they are kept. */
  readonly paths: readonly string[];
}

/** One of each kind; `word` is in all of them. */
async function keepAll(word: string): Promise<Kept> {
  const { id, key } = await makeKey(server);
  const ask = askWith(server, key);
  const made = async (path: string, body: object): Promise<string> => {
    const response = await ask(path, body);
    const text = await response.text();
    expect([path, response.status, text]).toEqual([path, 200, text]);
    return (JSON.parse(text) as { id: string }).id;
  };
  const messages = [{ role: 'user', content: `${word} ${word}@example.org` }];
  for (const session of ['one', 'two'])
    await made('/v1/chat/completions', { messages, max_tokens: 2, session, redact: ['email'] });
  const response = await made('/v1/responses', { input: word, max_output_tokens: 2 });
  await made('/v1/collections', { name: 'notes' });
  const documents = [{ id: 'a', content: `The ${word} is blue.`, metadata: { word } }];
  await made('/v1/collections/notes/documents', { documents });
  const items = [{ role: 'user', content: word }];
  const conversation = await made('/v1/conversations', { items });
  const file = await upload(key, word);
  const batch = await made('/v1/batches', {
    ...{ input_file_id: file, endpoint: '/v1/completions', completion_window: '24h' },
  });
  const status = async () =>
    (await (await ask(`/v1/batches/${batch}`)).json<{ status: string }>()).status;
  await expect.poll(status, { timeout: 30_000 }).toBe('completed');
  const paths = [
    ...['/v1/sessions/one', '/v1/sessions/two', `/v1/responses/${response}`],
    ...[`/v1/responses/${response}/input_items`, '/v1/collections/notes'],
    ...['/v1/collections/notes/documents/a', `/v1/files/${file}`, `/v1/files/${file}/content`],
    ...[`/v1/conversations/${conversation}`, `/v1/conversations/${conversation}/items`],
    ...[`/v1/batches/${batch}`, '/v1/subjects/me/export'],
  ];
  return { id, ask, paths };
}

async function upload(key: string, word: string): Promise<string> {
  const form = new FormData();
  const body = { prompt: word, max_tokens: 1 };
  const line = { custom_id: 'a', method: 'POST', url: '/v1/completions', body };
  form.set('purpose', 'batch');
  form.set('file', new File([JSON.stringify(line)], 'lines.jsonl'));
  const options = { method: 'POST', body: form, headers: bearer(key) };
  const response = await fetch(`${server.url}/v1/files`, options);
  return (await response.json<{ id: string }>()).id;
}

interface Line {
  readonly type: string;
  readonly [field: string]: unknown;
}

async function exported(ask: AskWith, id = 'me'): Promise<Line[]> {
  const response = await ask(`/v1/subjects/${id}/export`);
  expect(response.status).toBe(200);
  const lines = (await response.text()).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Line);
}

const statuses = async ({ ask, paths }: Kept) =>
  await Promise.all(paths.map(async (path) => [path, (await ask(path)).status] as const));

const KINDS = { sessions: 2, responses: 1, records: 1, batches: 1, collections: 1, files: 2 };

test('an export holds everything of its subject, and nothing of another', async () => {
  const [ada, grace] = [await keepAll('quuxada'), await keepAll('quuxgrace')];
  const lines = await exported(ada.ask);
  const text = JSON.stringify(lines);
  expect(text).not.toContain('quuxgrace');
  const ofType = (type: string) => lines.filter((line) => line.type === type);
  for (const type of [
    'message',
    'redaction',
    'response.input_item',
    'record.item',
    'passage',
    'document',
  ])
    expect([type, JSON.stringify(ofType(type))]).toEqual([
      type,
      expect.stringContaining('quuxada') as string,
    ]);
  const bytes = ofType('file.bytes').map(({ base64 }) => atob(base64 as string));
  expect(bytes.join('')).toContain('quuxada');
  expect(ofType('file')).toHaveLength(KINDS.files);
  expect(ofType('session')).toHaveLength(KINDS.sessions);
  expect(ofType('batch')).toHaveLength(KINDS.batches);
  expect(lines.at(-1)).toMatchObject({
    type: 'end',
    lines: { session: 2, message: 4, passage: 1, file: 2 },
  });
  // By its id and by an administrator it is the same but for its time.
  const own = await exported(ada.ask, ada.id);
  expect(own.slice(1)).toEqual(lines.slice(1));
  const foreign = await grace.ask(`/v1/subjects/${ada.id}/export`);
  // Keys of tests have all scopes.
  expect(foreign.status).toBe(200);
});

test('only an administrator and the subject itself export and erase', async () => {
  const ada = await keepAll('quuxguarded');
  const limited = async (scopes: ('chat' | 'retrieval')[], subject?: string) =>
    askWith(server, (await makeKey(server, { scopes, ...(subject && { subject }) })).key);
  const other = await limited(['chat', 'retrieval']);
  const shared = await limited(['chat'], ada.id);
  for (const [path, method] of [
    [`/v1/subjects/${ada.id}/export`, 'GET'],
    [`/v1/subjects/${ada.id}`, 'DELETE'],
  ] as const) {
    expect((await other(path, undefined, method)).status).toBe(404);
    // Documents are read and deleted with another scope.
    expect((await shared(path, undefined, method)).status).toBe(403);
  }
  expect((await statuses(ada)).every(([, status]) => status === 200)).toBe(true);
});

test('what is kept after an erasure is erased by the next', async () => {
  const ada = await keepAll('quuxagain');
  const erase = async () =>
    await (
      await ada.ask(`/v1/subjects/${ada.id}`, undefined, 'DELETE')
    ).json<{ id: string; deleted: object }>();
  const first = await erase();
  const messages = [{ role: 'user', content: 'again' }];
  const body = { messages, max_tokens: 2, session: 'later' };
  expect((await ada.ask('/v1/chat/completions', body)).status).toBe(200);
  expect((await ada.ask('/v1/sessions/later')).status).toBe(200);
  const second = await erase();
  expect(second.id).not.toBe(first.id);
  expect(second.deleted).toEqual({
    ...{ sessions: 1, responses: 0, records: 0, batches: 0, collections: 0, files: 0 },
  });
});

test('an erasure that is cut off goes on, and counts each object once', async () => {
  const nSession = 40;
  const { key } = await makeKey(server);
  const ask = askWith(server, key);
  const messages = [{ role: 'user', content: 'Once' }];
  const say = (session: string) =>
    ask('/v1/chat/completions', { messages, max_tokens: 1, session });
  for (let i = 0; i < nSession; i += 8)
    await Promise.all(Array.from({ length: 8 }, (_, j) => say(`s${i + j}`)));
  const erase = () => ask('/v1/subjects/me', undefined, 'DELETE');
  const cut = erase().catch(() => null);
  await server.restart();
  await cut;
  const latest = async () =>
    await (await erase()).json<{ status: string; deleted: { sessions: number } }>();
  await expect.poll(async () => (await latest()).status, { timeout: 30_000 }).toBe('erased');
  expect((await latest()).deleted.sessions).toBe(nSession);
  expect((await ask('/v1/sessions/s0')).status).toBe(404);
});

test('what is erased is gone, the receipt stays, and nothing that is restored opens', async () => {
  const word = 'quuxerased';
  const ada = await keepAll(word);
  const other = await keepAll('quuxkept');
  for (const kept of [ada, other])
    expect((await statuses(kept)).filter(([, status]) => status !== 200)).toEqual([]);
  const copy = `${server.stateRoot}-copy`;
  await server.restart(() => cp(server.stateRoot, copy, { recursive: true }));
  try {
    const erase = async () => await ada.ask('/v1/subjects/me', undefined, 'DELETE');
    const response = await erase();
    const receipt = await response.json<Record<string, unknown>>();
    expect(receipt).toMatchObject({ object: 'subject.erasure', subject: ada.id, deleted: KINDS });
    expect(receipt).toMatchObject({
      status: 'erased',
      id: expect.stringMatching(/^erasure_/) as string,
    });
    for (const field of ['began_at', 'key_destroyed_at', 'finished_at'])
      expect(receipt[field]).toBeTypeOf('number');
    expect((await statuses(ada)).filter(([, status]) => status !== 404)).toEqual([]);
    expect(await (await erase()).json()).toEqual(receipt);
    expect((await statuses(other)).filter(([, status]) => status !== 200)).toEqual([]);

    // With the key all that comes back would be readable; it is what cannot come back.
    await server.restart(() => restore(copy));
    expect((await statuses(ada)).filter(([, status]) => status !== 200)).toEqual([]);
    await server.restart(() => destroyKey(ada.id));
    expect((await statuses(other)).filter(([, status]) => status !== 200)).toEqual([]);
    const found = await Promise.all(
      ada.paths.map(async (path) => await (await ada.ask(path)).text()),
    );
    const query = { query: word, mode: 'text' };
    found.push(await (await ada.ask('/v1/collections/notes/search', query)).text());
    expect(found.join('\n').replaceAll(JSON.stringify(query), '')).not.toContain(word);
    expect(found.join('\n')).not.toContain(btoa(word).slice(0, 8));
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
});

/** All databases and files as they were. */
async function restore(copy: string): Promise<void> {
  await rm(server.stateRoot, { recursive: true });
  await cp(copy, server.stateRoot, { recursive: true });
}

/** As it stays in a bucket when databases are restored. */
async function destroyKey(subject: string): Promise<void> {
  const bucket = await openTestBucket(server.stateRoot);
  const empty = new Uint8Array(0);
  try {
    const keys = (await bucket.listKeys(`subject-keys/${subject}/`)) ?? [];
    expect(keys).toHaveLength(1);
    for (const key of keys) await bucket.put(key, empty, hashBytes(empty));
  } finally {
    await bucket.close();
  }
}

test('a server that is open to everyone erases nobody', async () => {
  // own server: it is open.
  const open = await startTestServer({ vars: { ACCESS: 'public' } });
  try {
    const response = await fetch(`${open.url}/v1/subjects/me`, { method: 'DELETE' });
    expect(response.status).toBe(403);
  } finally {
    await open.close();
  }
});
