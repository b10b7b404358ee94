/** Two callers on one server: what one keeps under a name does not exist for the other. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import type { TestServer } from '../support/http-server.ts';
import { startSubjectServer } from '../support/subject-server.ts';

const ENCODER_ID = TINY_ENCODER_ID;
let server: TestServer;

beforeAll(async () => {
  // own server: its gateway is another one.
  server = await startSubjectServer([ENCODER_ID]);
});
afterAll(() => server.close());

function ask(subject: string, path: string, body?: object, method = 'POST'): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: body === undefined && method === 'POST' ? 'GET' : method,
    headers: { 'content-type': 'application/json', 'x-subject': subject },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function status(subject: string, path: string, method?: string): Promise<number> {
  const response = await ask(subject, path, undefined, method);
  await response.text();
  return response.status;
}

const hello = (content: string) => ({
  messages: [{ role: 'user', content }],
  max_tokens: 4,
  session: 'diary',
});

test('a session of one name is another for another caller', async () => {
  expect((await ask('ada', '/v1/chat/completions', hello('I am Ada.'))).status).toBe(200);
  expect(await status('grace', '/v1/sessions/diary')).toBe(404);
  expect((await ask('grace', '/v1/chat/completions', hello('I am Grace.'))).status).toBe(200);
  const read = async (subject: string): Promise<string> =>
    await (await ask(subject, '/v1/sessions/diary')).text();
  expect(await read('ada')).not.toContain('Grace');
  expect(await read('grace')).not.toContain('Ada');
  expect(await status('grace', '/v1/sessions/diary', 'DELETE')).toBe(200);
  expect(await status('ada', '/v1/sessions/diary')).toBe(200);
});

test('a stored response belongs to who asked for it', async () => {
  const made = await ask('ada', '/v1/responses', { input: 'Once', max_output_tokens: 4 });
  const { id } = await made.json<{ id: string }>();
  expect(await status('ada', `/v1/responses/${id}`)).toBe(200);
  expect(await status('grace', `/v1/responses/${id}`)).toBe(404);
  expect(await status('grace', `/v1/responses/${id}/input_items`)).toBe(404);
  expect(await status('grace', `/v1/responses/${id}`, 'DELETE')).toBe(404);
  const next = { input: 'And', previous_response_id: id, max_output_tokens: 4 };
  expect((await ask('grace', '/v1/responses', next)).status).toBe(400);
  expect((await ask('ada', '/v1/responses', next)).status).toBe(200);
});

test('a collection of one name is another for another caller', async () => {
  expect((await ask('ada', '/v1/collections', { name: 'notes' })).status).toBe(200);
  const documents = [{ id: 'sea', content: 'the sea is blue' }];
  expect((await ask('ada', '/v1/collections/notes/documents', { documents })).status).toBe(200);
  expect(await status('grace', '/v1/collections/notes')).toBe(404);
  expect((await ask('grace', '/v1/collections/notes/search', { query: 'sea' })).status).toBe(404);
  const list = async (subject: string) =>
    (await (await ask(subject, '/v1/collections')).json<{ data: { name: string }[] }>()).data;
  expect((await list('ada')).map(({ name }) => name)).toEqual(['notes']);
  expect(await list('grace')).toEqual([]);
  expect((await ask('grace', '/v1/collections', { name: 'notes' })).status).toBe(200);
  const found = await ask('grace', '/v1/collections/notes/search', { query: 'sea' });
  expect((await found.json<{ data: unknown[] }>()).data).toEqual([]);
});

test("a batch's lines are asked for whoever made it", async () => {
  const form = new FormData();
  const line = { method: 'POST', url: '/v1/chat/completions', body: hello('I wait.') };
  const { session: _, ...body } = line.body;
  form.set('purpose', 'batch');
  form.set('file', new File([JSON.stringify({ ...line, body, custom_id: 'a' })], 'a.jsonl'));
  const headers = { 'x-subject': 'ada' };
  const upload = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form, headers });
  const { id: fileId } = await upload.json<{ id: string }>();
  const made = await ask('ada', '/v1/batches', {
    ...{ input_file_id: fileId, endpoint: '/v1/chat/completions', completion_window: '24h' },
  });
  const { id } = await made.json<{ id: string }>();
  const state = async () =>
    (await (await ask('ada', `/v1/batches/${id}`)).json<{ status: string }>()).status;
  await expect.poll(state, { timeout: 15_000 }).toBe('completed');
  expect(await status('grace', `/v1/batches/${id}`)).toBe(404);
  expect((await ask('grace', `/v1/batches/${id}/cancel`, {})).status).toBe(404);
  const listed = await ask('grace', '/v1/batches');
  expect((await listed.json<{ data: unknown[] }>()).data).toEqual([]);
});

test('a socket asks for whoever opened it', async () => {
  const url = `${server.url.replace('http', 'ws')}/v1/ws`;
  // Node's own client takes headers, which the standard does not know.
  const options = { headers: { 'x-subject': 'ada' } } as unknown as string[];
  const socket = new WebSocket(url, options);
  const ended = new Promise<void>((resolve, reject) => {
    socket.addEventListener('error', () => reject(new Error('the socket failed')));
    socket.addEventListener('message', ({ data }) => {
      if ((JSON.parse(String(data)) as { type: string }).type === 'end') resolve();
    });
  });
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  const body = { ...hello('From a socket.'), session: 'socket' };
  socket.send(JSON.stringify({ type: 'request', id: 'a', path: '/v1/chat/completions', body }));
  await ended;
  socket.close();
  expect(await status('ada', '/v1/sessions/socket')).toBe(200);
  expect(await status('grace', '/v1/sessions/socket')).toBe(404);
});

test('every answer names its request, and no two have the same', async () => {
  const ids = await Promise.all(
    ['/v1/models', '/v1/sessions/none', '/healthz'].map(async (path) => {
      const response = await ask('ada', path);
      await response.text();
      return response.headers.get('x-request-id');
    }),
  );
  for (const id of ids) expect(id).toMatch(/^req_[0-9a-f]{32}$/);
  expect(new Set(ids).size).toBe(ids.length);
});

test('what was evaluated for one caller is reused for that caller alone', async () => {
  const cached = async (subject: string): Promise<number> => {
    const body = { prompt: 'Once upon a time there was a little girl', max_tokens: 2 };
    const response = await ask(subject, '/v1/completions', body);
    type Usage = { usage: { prompt_tokens_details: { cached_tokens: number } } };
    const { usage } = await response.json<Usage>();
    return usage.prompt_tokens_details.cached_tokens;
  };
  expect(await cached('carol')).toBe(0);
  expect(await cached('carol')).toBeGreaterThan(4);
  expect(await cached('dave')).toBe(0);
  expect(await cached('carol')).toBeGreaterThan(4);
});
