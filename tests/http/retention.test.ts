/** RETENTION_DAYS: what is kept ends by itself. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/http-server.ts';

const RETENTION_S = 10;
let server: TestServer;

beforeAll(async () => {
  // own server: it keeps nothing for long.
  server = await startTestServer({ vars: { RETENTION_DAYS: `${RETENTION_S / (24 * 60 * 60)}` } });
});
afterAll(() => server.close());

const statusOf = async (path: string) => (await fetch(`${server.url}${path}`)).status;

test('sessions, responses, files and batches end when their time is over', async () => {
  const paths: string[] = [];
  const form = new FormData();
  const body = { prompt: 'Once', max_tokens: 1 };
  const line = { custom_id: 'a', method: 'POST', url: '/v1/completions', body };
  form.set('purpose', 'batch');
  form.set('file', new File([JSON.stringify(line)], 'lines.jsonl'));
  const response = await fetch(`${server.url}/v1/files`, { method: 'POST', body: form });
  const file = (await response.json<{ id: string }>()).id;
  paths.push(`/v1/files/${file}`, `/v1/files/${file}/content`);
  const made = async (path: string, request: object): Promise<string> =>
    (await (await server.post(path, request)).json<{ id: string }>()).id;
  const batch = { endpoint: '/v1/completions', completion_window: '24h' };
  paths.push(`/v1/batches/${await made('/v1/batches', { ...batch, input_file_id: file })}`);
  const stored = await made('/v1/responses', { input: 'Once', max_output_tokens: 1 });
  paths.push(`/v1/responses/${stored}`, '/v1/sessions/brief');
  const messages = [{ role: 'user', content: 'Once' }];
  await made('/v1/chat/completions', { session: 'brief', messages, max_tokens: 1 });
  expect(await Promise.all(paths.map(statusOf))).toEqual(paths.map(() => 200));

  for (const path of paths)
    await expect.poll(() => statusOf(path), { timeout: 60_000, message: path }).toBe(404);
  // The results of the batch, too.
  const list = async () =>
    (await (await fetch(`${server.url}/v1/files`)).json<{ data: unknown[] }>()).data;
  await expect.poll(list, { timeout: 60_000 }).toEqual([]);
});
