/** /v1/batches with OpenAI's own client: answers, broken lines, restarts, cancelling, files that go. */
import OpenAI, { APIError, toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BATCH_ENDPOINTS } from '../../worker/apis/batches/json-schema.ts';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { countRunning, takeWeightsAway } from '../support/outage.ts';

type Endpoint = OpenAI.Batches.BatchCreateParams['endpoint'];
type Batch = OpenAI.Batches.Batch;

let server: TestServer;
beforeAll(async () => {
  // own server: it is restarted, its weights are taken away, and the batches of others would be listed.
  server = await startTestServer();
});
afterAll(() => server.close());

// The address changes when the server restarts.
const client = () => new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });

interface ResultLine {
  id: string;
  custom_id: string | null;
  line: number;
  response: { status_code: number; request_id: string; body: Record<string, unknown> } | null;
  error: { code: string; message: string; param: string | null; line: number } | null;
}

const COMPLETIONS = '/v1/completions';
const prompt = 'Once upon a time';
const fields = { model: STORIES_ID, temperature: 0, max_tokens: 8 };

const lineOf = (id: string, body: object, url: string = COMPLETIONS): string =>
  JSON.stringify({ custom_id: id, method: 'POST', url, body });

async function upload(text: string): Promise<string> {
  const file = await toFile(new TextEncoder().encode(text), 'requests.jsonl');
  return (await client().files.create({ file, purpose: 'batch' })).id;
}

async function begin(lines: readonly string[], endpoint: string = COMPLETIONS): Promise<Batch> {
  return await client().batches.create({
    ...{ input_file_id: await upload(lines.join('\n')), completion_window: '24h' },
    endpoint: endpoint as Endpoint,
  });
}

const isOver = ({ status }: Batch): boolean =>
  ['completed', 'failed', 'expired', 'cancelled'].includes(status);

const read = async (id: string): Promise<Batch> => await client().batches.retrieve(id);
const WAIT = { timeout: 15_000 };

async function untilOver(id: string): Promise<Batch> {
  await expect.poll(async () => isOver(await read(id)), WAIT).toBe(true);
  return await read(id);
}

/** Until some lines are answered, and others are not. */
async function untilUnderWay(id: string): Promise<void> {
  const nDone = async () => (await read(id)).request_counts?.completed ?? 0;
  await expect.poll(nDone, WAIT).toBeGreaterThan(0);
}

async function readResults(fileId: string | undefined): Promise<ResultLine[]> {
  if (typeof fileId !== 'string') return [];
  const text = await (await client().files.content(fileId)).text();
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ResultLine);
}

const textOf = ({ response }: ResultLine): string =>
  (response?.body['choices'] as { text: string }[])[0]?.text ?? '';

test('every line is answered as a request of its own is, in the order of the input', async () => {
  const prompts = Array.from({ length: 20 }, (_, i) => `${prompt} ${i}`);
  // Lengths that end out of order.
  const bodies = prompts.map((text, i) => ({ ...fields, prompt: text, max_tokens: 60 - 3 * i }));
  const fileId = await upload(bodies.map((body, i) => lineOf(`line ${i}`, body)).join('\r\n'));
  const begun = await client().batches.create({
    ...{ input_file_id: fileId, endpoint: COMPLETIONS, completion_window: '24h' },
    metadata: { who: 'Ada' },
  });
  expect(begun).toMatchObject({ object: 'batch', status: 'validating', metadata: { who: 'Ada' } });
  expect(begun.expires_at).toBe(begun.created_at + 24 * 60 * 60);
  const batch = await untilOver(begun.id);
  expect(batch).toMatchObject({ status: 'completed', error_file_id: null, errors: null });
  expect(batch.request_counts).toEqual({ total: 20, completed: 20, failed: 0 });
  const results = await readResults(batch.output_file_id);
  expect(results.map(({ custom_id, line }) => [custom_id, line])).toEqual(
    prompts.map((_, i) => [`line ${i}`, i + 1]),
  );
  expect(new Set(results.map(({ id }) => id)).size).toBe(20);
  for (const [i, result] of results.entries()) {
    const alone = await server.post(COMPLETIONS, bodies[i]);
    const { choices } = await alone.json<{ choices: { text: string }[] }>();
    expect([result.error, result.response?.status_code]).toEqual([null, 200]);
    expect(textOf(result)).toBe(choices[0]?.text);
  }
  const file = await client().files.retrieve(batch.output_file_id ?? '');
  expect(file).toMatchObject({ purpose: 'batch_output', filename: `${batch.id}_output.jsonl` });
  const page = await client().batches.list({ limit: 1 });
  expect(page.data).toEqual([batch]);
});

const user = [{ role: 'user', content: prompt }];
const chat = { ...fields, messages: user };

test.each<[string, object]>([
  ['/v1/chat/completions', chat],
  ['/v1/responses', { model: STORIES_ID, input: prompt, max_output_tokens: 4 }],
  ['/v1/messages', chat],
  ['/tokenize', { text: prompt }],
  ['/detokenize', { tokens: [5, 6] }],
  ['/apply-template', { messages: user }],
])('lines may ask %s', async (path, body) => {
  const batch = await untilOver((await begin([lineOf('a', body, path)], path)).id);
  const [result] = await readResults(batch.output_file_id);
  const alone = await (await server.post(path, body)).json<object>();
  expect(result?.response?.status_code).toBe(200);
  expect(Object.keys(result?.response?.body ?? {})).toEqual(Object.keys(alone));
});

test('what lines may ask are endpoints', () => {
  const posts = ENDPOINTS.filter(({ method }) => method === 'POST').map(({ path }) => path);
  expect(BATCH_ENDPOINTS.filter((path) => !posts.includes(path))).toEqual([]);
});

test('broken lines fail alone, with their numbers', async () => {
  const good = { ...fields, prompt };
  const lines = [
    lineOf('first', good),
    '{"custom_id": "cut", "method"',
    '',
    lineOf('first', good),
    lineOf('elsewhere', good, '/v1/chat/completions'),
    JSON.stringify({ custom_id: 'got', method: 'GET', url: COMPLETIONS, body: good }),
    lineOf('refused', { ...good, temperature: -1 }),
    lineOf('streamed', { ...good, stream: true }),
    JSON.stringify({ method: 'POST', url: COMPLETIONS, body: good }),
    '[]',
    lineOf('no such model', { ...good, model: 'nope' }),
    `  ${lineOf('last', good)}  `,
  ];
  const batch = await untilOver((await begin(lines)).id);
  expect(batch.status).toBe('completed');
  expect(batch.request_counts).toEqual({ total: 11, completed: 2, failed: 9 });
  const answers = await readResults(batch.output_file_id);
  expect(answers.map(({ custom_id, line }) => [custom_id, line])).toEqual([
    ['first', 1],
    ['last', 12],
  ]);
  const failures = await readResults(batch.error_file_id);
  const told = failures.map(({ custom_id, line, response, error }) => {
    const inner = (response?.body['error'] ?? error) as { param: string | null };
    return [line, custom_id, response?.status_code ?? null, inner.param];
  });
  expect(told).toEqual([
    [2, null, null, null],
    [4, 'first', null, 'custom_id'],
    [5, 'elsewhere', null, 'url'],
    [6, 'got', null, 'method'],
    [7, 'refused', 400, 'temperature'],
    [8, 'streamed', null, 'body.stream'],
    [9, null, null, 'custom_id'],
    [10, null, null, null],
    [11, 'no such model', 404, 'model'],
  ]);
  expect(failures[0]?.error?.message).toMatch(/^line 2: request: is not JSON at position 29/);
  expect(failures[1]?.error?.message).toContain('line 1');
});

test('bytes that are no text, and a line that is too long, fail alone', async () => {
  const good = new TextEncoder().encode(`${lineOf('good', { ...fields, prompt })}\n`);
  const long = new TextEncoder().encode(`"${'x'.repeat(5_000_000)}"\n`);
  const parts = [long, Uint8Array.of(0xff, 0xfe, 10), good];
  const file = await toFile(new Blob(parts), 'bytes.jsonl');
  const { id } = await client().files.create({ file, purpose: 'batch' });
  const params = { input_file_id: id, endpoint: COMPLETIONS, completion_window: '24h' } as const;
  const batch = await untilOver((await client().batches.create(params)).id);
  expect(batch.request_counts).toEqual({ total: 3, completed: 1, failed: 2 });
  const failures = await readResults(batch.error_file_id);
  expect(failures.map(({ line, error }) => [line, error?.code])).toEqual([
    [1, 'E_BODY_TOO_LARGE'],
    [2, 'E_REQUEST_INVALID'],
  ]);
});

/** A prompt list whose answers take many steps. */
const slow = { ...fields, prompt: [prompt, prompt], max_tokens: 120, ignore_eos: true };

test('a batch goes on after a restart, and answers each line once', async () => {
  const nLine = 16;
  const lines = Array.from({ length: nLine }, (_, i) => lineOf(`${i}`, slow));
  const { id } = await begin(lines);
  await untilUnderWay(id);
  await server.restart();
  const between = (await read(id)).request_counts;
  expect(between?.completed).toBeGreaterThan(0);
  expect(between?.completed).toBeLessThan(nLine);
  const batch = await untilOver(id);
  expect(batch.request_counts).toEqual({ total: nLine, completed: nLine, failed: 0 });
  const results = await readResults(batch.output_file_id);
  expect(results.map(({ custom_id }) => custom_id)).toEqual(lines.map((_, i) => String(i)));
  expect(new Set(results.map(textOf)).size).toBe(1);
});

test('cancelling ends what runs; what was answered stays, the rest is told', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => lineOf(`${i}`, slow));
  const { id } = await begin(lines);
  await untilUnderWay(id);
  expect(['cancelling', 'cancelled']).toContain((await client().batches.cancel(id)).status);
  const batch = await untilOver(id);
  expect(await countRunning(server)).toBe(0);
  expect(batch.status).toBe('cancelled');
  expect(batch.cancelled_at).toBeGreaterThanOrEqual(batch.cancelling_at ?? Infinity);
  const answers = await readResults(batch.output_file_id);
  const failures = await readResults(batch.error_file_id);
  expect(answers.length).toBeGreaterThan(0);
  expect(answers.length).toBeLessThan(lines.length);
  expect(batch.request_counts).toEqual({
    ...{ total: 40, completed: answers.length, failed: failures.length },
  });
  const seen = [...answers, ...failures].map(({ custom_id }) => Number(custom_id));
  expect(seen.toSorted((a, b) => a - b)).toEqual(lines.map((_, i) => i));
  expect(new Set(failures.map(({ error }) => error?.code))).toEqual(new Set(['batch_cancelled']));
  // Over: nothing changes any more.
  expect(await client().batches.cancel(id)).toEqual(batch);
});

test('a file that is deleted meanwhile fails the batch and keeps what was answered', async () => {
  const lines = Array.from({ length: 40 }, (_, i) => lineOf(`${i}`, slow));
  const { id, input_file_id } = await begin(lines);
  await untilUnderWay(id);
  await client().files.delete(input_file_id);
  const batch = await untilOver(id);
  expect(batch.status).toBe('failed');
  expect(batch.errors?.data?.[0]).toMatchObject({ code: 'E_NOT_FOUND', param: 'input_file_id' });
  const answers = await readResults(batch.output_file_id);
  expect(answers.length).toBe(batch.request_counts?.completed);
  expect(answers.length).toBeLessThan(lines.length);
});

test('weights that are away for a moment are waited for', async () => {
  const outage = await takeWeightsAway(server);
  const { id } = await begin([lineOf('a', { ...fields, prompt })]);
  // The outage ends once somebody was told of it.
  const answer = await outage.fetch(`${server.url}${COMPLETIONS}`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ ...fields, prompt }),
  });
  expect(answer.status).toBe(503);
  const batch = await untilOver(id);
  expect(batch.request_counts).toEqual({ total: 1, completed: 1, failed: 0 });
});

test.each<[string, string, string]>([
  ['blank lines', '\n \n\r\n', 'blank lines'],
  ['too many lines', '{}\n'.repeat(50_001), 'at most 50000 lines'],
])('a file of %s fails the batch', async (_what, text, part) => {
  const params = { endpoint: COMPLETIONS, completion_window: '24h' } as const;
  const { id } = await client().batches.create({ ...params, input_file_id: await upload(text) });
  const batch = await untilOver(id);
  expect(batch).toMatchObject({ status: 'failed', output_file_id: null, error_file_id: null });
  expect(batch.errors?.data?.[0]?.message).toContain(part);
});

test('answers larger than a row, and a result file larger than a part, are kept whole', async () => {
  // Three tokens a character, three digits a token.
  const texts = ['日', '月'].map((letter) => letter.repeat(250_000));
  const lines = texts.map((text, i) => lineOf(`${i}`, { text }, '/tokenize'));
  const batch = await untilOver((await begin(lines, '/tokenize')).id);
  const file = await client().files.retrieve(batch.output_file_id ?? '');
  expect(file.bytes).toBeGreaterThan(5 * 1024 * 1024);
  expect(file.filename).toBe(`${batch.id}_output.jsonl`);
  const results = await readResults(batch.output_file_id);
  expect(results.map(({ custom_id }) => custom_id)).toEqual(['0', '1']);
  const alone = await (await server.post('/tokenize', { text: texts[1] })).json<object>();
  const [first, second] = results.map(({ response }) => JSON.stringify(response?.body));
  expect(first?.length).toBeGreaterThan(2_000_000);
  // Not compared by the test's own tools, which would print both.
  expect(second === JSON.stringify(alone)).toBe(true);
});

test('pages of batches follow each other', async () => {
  const ids: string[] = [];
  for await (const { id } of client().batches.list({ limit: 2 })) ids.push(id);
  expect(ids.length).toBeGreaterThan(5);
  expect(ids).toEqual([...new Set(ids)].toSorted());
});

/** [what, body, field, part of the message] */
test.each<[string, object, string, string]>([
  ['no file', { input_file_id: 'file-0' }, 'input_file_id', 'the id of a file'],
  ['another endpoint', { endpoint: '/v1/embeddings' }, 'endpoint', '/v1/completions'],
  ['another window', { completion_window: '1h' }, 'completion_window', '24h'],
  ['metadata of numbers', { metadata: { a: 1 } }, 'metadata.a', 'expected a string'],
  [
    'much metadata',
    { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [i, ''])) },
    'metadata',
    'at most 16',
  ],
  ['files that expire', { output_expires_after: { seconds: 3600 } }, 'output_expires_after', 'not'],
])('refused: %s', async (_what, changes, param, part) => {
  const body = { input_file_id: 'file-1', endpoint: COMPLETIONS, completion_window: '24h' };
  const response = await server.post('/v1/batches', { ...body, ...changes });
  const { error } = await response.json<{ error: { param: string; message: string } }>();
  expect([response.status, error.param], error.message).toEqual([400, param]);
  expect(error.message).toContain(part);
});

test('what is answered cannot be asked, and what is not there is said so', async () => {
  const done = await untilOver((await begin([lineOf('a', { ...fields, prompt })])).id);
  const again = { input_file_id: done.output_file_id ?? '', endpoint: COMPLETIONS } as const;
  const refused = client().batches.create({ ...again, completion_window: '24h' });
  await expect(refused).rejects.toMatchObject({ status: 400, param: 'input_file_id' });
  await expect(client().batches.retrieve('batch_nonsense')).rejects.toBeInstanceOf(APIError);
  await expect(client().batches.cancel('batch_nonsense')).rejects.toMatchObject({ status: 404 });
  const after = await fetch(`${server.url}/v1/batches?after=x`);
  expect(after.status).toBe(400);
});
