/** A deployment with keys: nothing is answered without one that allows it. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { revokeKey, rotateKey } from '../../scripts/push/keys.ts';
import { RECORD_MS } from '../../worker/access/key-record.ts';
import { ERROR_SCHEMAS } from '../../worker/serving/fields/answers.ts';
import type { EndpointFacts } from '../../worker/http/endpoint.ts';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { askWith, bearer, makeKey } from '../support/keys.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';

const KEYS_VARS = { ACCESS: 'keys' };
/** Rows that answer everyone, in any deployment. */
const OPEN = ['healthz', 'health', 'ping', 'readyz'];

let server: TestServer;
let key: string;
const log: string[] = [];

beforeAll(async () => {
  vi.spyOn(console, 'log').mockReturnValue(undefined);
  // own server: it asks for keys, and its log is read.
  server = await startTestServer({
    vars: KEYS_VARS,
    models: [TINY_ENCODER_ID],
    onLog: (line) => log.push(line),
  });
  ({ key } = await makeKey(server));
});
afterAll(() => server.close());

/** Sends a request to a row as a client with wrong or no credentials would. */
function knock(row: EndpointFacts, headers: Readonly<Record<string, string>>): Promise<Response> {
  const path = row.path.replaceAll(/:\w+/g, 'abc');
  const body = row.body === undefined ? {} : { body: '{}' };
  return fetch(`${server.url}${path}`, {
    method: row.method,
    headers: {
      ...(row.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...body,
  });
}

async function expectRefused(
  row: EndpointFacts,
  response: Response,
  status: number,
  code: string,
): Promise<void> {
  const text = await response.text();
  expect([row.name, response.status]).toEqual([row.name, status]);
  const schema = ERROR_SCHEMAS[row.errors ?? 'openai'];
  const body = schema.parse(JSON.parse(text)) as { error?: { code: string } | string };
  // Some APIs have flat errors.
  expect(typeof body.error === 'object' ? body.error : body).toHaveProperty('code', code);
  expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
}

const unknownKey = `thk_0123456789abcdef_${'A'.repeat(43)}`;

const named = (rows: readonly EndpointFacts[]) =>
  rows.map((row): [string, EndpointFacts] => [row.name, row]);

test('only what says nothing of the models is open', () => {
  expect(ENDPOINTS.filter(({ scope }) => scope === null).map(({ name }) => name)).toEqual(OPEN);
});

test.each(named(ENDPOINTS.filter(({ scope }) => scope === null)))(
  '%s answers everyone',
  async (_name, row) => {
    const response = await knock(row, {});
    await response.text();
    expect(response.status).toBe(200);
  },
);

describe.each(named(ENDPOINTS.filter(({ name }) => !OPEN.includes(name))))('%s', (_name, row) => {
  test('answers nobody without a key that is valid', async () => {
    const wrongSecret = `${key.slice(0, -4)}AAAA`;
    for (const headers of [
      {},
      bearer(''),
      bearer('sk-anything'),
      bearer(unknownKey),
      bearer(wrongSecret),
      bearer(key.slice(0, -1)),
      bearer('a.b.c'),
      { authorization: `Basic ${btoa(`user:${key}`)}` },
      { 'x-api-key': unknownKey },
      { cookie: `key=${key}` },
    ])
      await expectRefused(row, await knock(row, headers), 401, 'invalid_api_key');
  });

  test('answers no key that has expired, was revoked, or is of another scope', async () => {
    for (const dead of await deadKeys())
      await expectRefused(row, await knock(row, bearer(dead)), 401, 'invalid_api_key');
    const scopes = SCOPES.filter((scope) => scope !== row.scope && scope !== 'admin');
    const response = await knock(row, bearer(await keyOf(scopes)));
    await expectRefused(row, response, 403, 'insufficient_permissions');
  });
});

let dead: Promise<string[]> | null = null;
/** One that has expired, and one that was revoked. */
function deadKeys(): Promise<string[]> {
  dead ??= (async () => {
    const expired = await makeKey(server, { expiresAt: new Date(Date.now() - 1000) });
    const revoked = await makeKey(server);
    await revokeKey(server.bucket, revoked.id);
    return [expired.key, revoked.key];
  })();
  return dead;
}

const keysByScopes = new Map<string, Promise<string>>();
/** Keys are shared: making one writes two objects. */
function keyOf(scopes: (typeof SCOPES)[number][]): Promise<string> {
  const name = scopes.join();
  const made = keysByScopes.get(name) ?? makeKey(server, { scopes }).then((made) => made.key);
  keysByScopes.set(name, made);
  return made;
}

test('a key in either header lets in, and says what is left', async () => {
  const body = { prompt: 'Once', max_tokens: 2 };
  const response = await askWith(server, key)('/v1/completions', body);
  expect(response.status).toBe(200);
  for (const what of ['requests', 'tokens']) {
    expect(Number(response.headers.get(`x-ratelimit-limit-${what}`))).toBeGreaterThan(0);
    expect(Number(response.headers.get(`x-ratelimit-remaining-${what}`))).toBeGreaterThan(0);
    expect(response.headers.get(`x-ratelimit-reset-${what}`)).toMatch(
      /^(\d+ms|(\d+h)?(\d+m)?\d+s)$/,
    );
  }
  const other = await fetch(`${server.url}/v1/models`, { headers: { 'x-api-key': key } });
  expect(other.status).toBe(200);
});

test("OpenAI's and Anthropic's clients work with a key, and say what is wrong without", async () => {
  const openai = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${server.url}/v1`, maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const request = { model: STORIES_ID, messages, max_tokens: 2 };
  expect((await openai(key).chat.completions.create(request)).choices).toHaveLength(1);
  const refused = openai(unknownKey).chat.completions.create(request);
  await expect(refused).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
  await expect(refused).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
  const anthropic = (apiKey: string) =>
    new Anthropic({ apiKey, baseURL: server.url, maxRetries: 0 });
  expect((await anthropic(key).messages.create(request)).role).toBe('assistant');
  await expect(anthropic(unknownKey).messages.create(request)).rejects.toBeInstanceOf(
    Anthropic.AuthenticationError,
  );
  const reader = anthropic(await keyOf(['read'])).messages.create(request);
  await expect(reader).rejects.toBeInstanceOf(Anthropic.PermissionDeniedError);
});

test('a key that is revoked while it is used ends within the time that its record is believed', async () => {
  const { id, key: used } = await makeKey(server);
  const ask = askWith(server, used);
  expect((await ask('/v1/models')).status).toBe(200);
  await revokeKey(server.bucket, id);
  const status = async () => (await ask('/v1/completions', { prompt: 'a', max_tokens: 1 })).status;
  await expect.poll(status, { timeout: 2 * RECORD_MS, interval: 500 }).toBe(401);
});

test('after a rotation both secrets work until the overlap ends', async () => {
  const before = await makeKey(server);
  const after = await rotateKey(server.bucket, before.id, 3_600_000);
  expect(after.key).not.toBe(before.key);
  for (const one of [before.key, after.key])
    expect((await askWith(server, one)('/v1/models')).status).toBe(200);
  const atOnce = await makeKey(server);
  const next = await rotateKey(server.bucket, atOnce.id, 0);
  expect((await askWith(server, atOnce.key)('/v1/models')).status).toBe(401);
  expect((await askWith(server, next.key)('/v1/models')).status).toBe(200);
});

test('a key of some models knows no others', async () => {
  const few = await makeKey(server, { models: [TINY_ENCODER_ID] });
  const ask = askWith(server, few.key);
  type List = { data: { id: string }[] };
  const { data } = await (await ask('/v1/models')).json<List>();
  expect(data.map(({ id }) => id)).toEqual([TINY_ENCODER_ID]);
  expect((await ask(`/v1/models/${STORIES_ID}`)).status).toBe(404);
  expect((await ask('/v1/embeddings', { input: 'a' })).status).toBe(200);
  const messages = [{ role: 'user', content: 'a' }];
  const bodies: [string, object][] = [
    ['/v1/completions', { prompt: 'a' }],
    ['/v1/completions', { prompt: 'a', model: STORIES_ID }],
    ['/v1/chat/completions', { messages }],
    ['/v1/chat/completions', { messages, session: 'few' }],
    ['/v1/responses', { input: 'a' }],
    ['/v1/messages', { messages, max_tokens: 2 }],
    ['/v1/tasks/summarize', { text: 'a' }],
    ['/tokenize', { text: 'a' }],
  ];
  for (const [path, body] of bodies) {
    const response = await ask(path, body);
    const text = await response.text();
    expect([path, response.status]).toEqual([path, 404]);
    expect(text).toContain('E_MODEL_NOT_FOUND');
    const { error } = JSON.parse(text) as { error: { details: { models: string[] } } };
    expect(error.details.models).toEqual([TINY_ENCODER_ID]);
  }
});

test('a socket opens with a key in a header or a subprotocol, and for nobody else', async () => {
  const url = `${server.url.replace('http', 'ws')}/v1/ws`;
  const open = async (protocols: string[], headers: Record<string, string> = {}) => {
    // Node's own client takes headers, which the standard does not know.
    const socket = new WebSocket(url, { protocols, headers } as unknown as string[]);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.addEventListener('open', () => resolve(true));
      socket.addEventListener('error', () => resolve(false));
    });
    const { protocol } = socket;
    socket.close();
    return { isOpen, protocol };
  };
  const secret = (text: string) => `openai-insecure-api-key.${text}`;
  expect(await open([])).toMatchObject({ isOpen: false });
  expect(await open(['realtime', secret(unknownKey)])).toMatchObject({ isOpen: false });
  expect(await open(['realtime', secret(key)])).toEqual({ isOpen: true, protocol: 'realtime' });
  expect(await open([], bearer(key))).toMatchObject({ isOpen: true });
  // Not a way to log in but for sockets.
  const headers = { 'sec-websocket-protocol': secret(key) };
  expect((await fetch(`${server.url}/v1/models`, { headers })).status).toBe(401);
});

test('a request on a socket has no more rights than the key that opened it', async () => {
  const { id, key: chatKey } = await makeKey(server, { models: [TINY_ENCODER_ID] });
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, [
    'x',
    `openai-insecure-api-key.${chatKey}`,
  ]);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const answers: { id: string; status: number }[] = [];
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { type: string; id: string; status: number };
    if (message.type === 'answer') answers.push(message);
  });
  const ask = async (name: string) => {
    const body = { prompt: 'a', max_tokens: 1 };
    socket.send(JSON.stringify({ type: 'request', id: name, path: '/v1/completions', body }));
    await expect.poll(() => answers.find((answer) => answer.id === name)?.status).toBeDefined();
    return answers.find((answer) => answer.id === name)?.status;
  };
  expect(await ask('a')).toBe(404);
  await revokeKey(server.bucket, id);
  let n = 0;
  await expect.poll(() => ask(`r${n++}`), { timeout: 2 * RECORD_MS, interval: 500 }).toBe(401);
  socket.close();
});

test('a batch runs within the limits of the key that made it, and waits for them', async () => {
  const few = await makeKey(server, { limits: { concurrency: 1 } });
  const ask = askWith(server, few.key);
  const lines = Array.from({ length: 6 }, (_, i) =>
    JSON.stringify({
      ...{ custom_id: String(i), method: 'POST', url: '/v1/completions' },
      body: { prompt: 'Once', max_tokens: 2 },
    }),
  );
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', new File([lines.join('\n')], 'a.jsonl'));
  const options = { method: 'POST', body: form, headers: bearer(few.key) };
  const file = await (await fetch(`${server.url}/v1/files`, options)).json<{ id: string }>();
  const made = await ask('/v1/batches', {
    ...{ input_file_id: file.id, endpoint: '/v1/completions', completion_window: '24h' },
  });
  const { id } = await made.json<{ id: string }>();
  type Batch = { status: string; request_counts: { completed: number; failed: number } };
  const read = async () => await (await ask(`/v1/batches/${id}`)).json<Batch>();
  await expect
    .poll(async () => (await read()).status, { timeout: 30_000, interval: 200 })
    .toBe('completed');
  // A line that met the limit was tried again.
  expect((await read()).request_counts).toMatchObject({ completed: 6, failed: 0 });
});

test('answers from a collection need the scope of collections', async () => {
  const ask = askWith(server, await keyOf(['chat']));
  const body = { messages: [{ role: 'user', content: 'a' }], retrieval: { collection: 'none' } };
  expect((await ask('/v1/chat/completions', body)).status).toBe(403);
});

test('a browser gets the pages without data, to ask for a key', async () => {
  for (const path of ['/', '/docs']) {
    const page = await fetch(`${server.url}${path}`, { headers: { accept: 'text/html' } });
    expect(page.status).toBe(401);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('<html');
    expect((await fetch(`${server.url}${path}`, { headers: bearer(key) })).status).toBe(200);
  }
});

test('no secret is in the log', async () => {
  await askWith(server, unknownKey)('/v1/models');
  await askWith(server, key)('/v1/chat/completions', { messages: 5 });
  const text = log.join('\n');
  expect(text).toContain('E_KEY_INVALID');
  for (const secret of [key, unknownKey]) expect(text).not.toContain(secret.slice(21));
});

test('a deployment without keys answers nobody, and says what to do', async () => {
  // own server: it has no key.
  const empty = await startTestServer({ vars: KEYS_VARS });
  try {
    for (const headers of [{}, bearer(unknownKey)]) {
      const response = await fetch(`${empty.url}/v1/models`, { headers });
      expect(response.status).toBe(503);
      expect(await response.text()).toContain('thimble keys create --remote');
    }
    expect((await fetch(`${empty.url}/healthz`)).status).toBe(200);
    const first = await makeKey(empty);
    const ask = async () => (await askWith(empty, first.key)('/v1/models')).status;
    await expect.poll(ask, { timeout: 5000 }).toBe(200);
  } finally {
    await empty.close();
  }
});

test('a deployment that is public answers everyone', async () => {
  // own server: it is public.
  const open = await startTestServer({ vars: { ACCESS: 'public' } });
  try {
    const response = await open.post('/v1/completions', { prompt: 'Once', max_tokens: 2 });
    expect(response.status).toBe(200);
  } finally {
    await open.close();
  }
});

test('a mode that nobody knows is the strictest', async () => {
  // own server: its variable is wrong.
  const strict = await startTestServer({ vars: { ACCESS: 'Public' } });
  try {
    expect((await fetch(`${strict.url}/v1/models`)).status).toBe(503);
  } finally {
    await strict.close();
  }
});
