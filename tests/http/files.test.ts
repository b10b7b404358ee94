/** /v1/files with OpenAI's own client, and with forms that no client sends. */
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_FILE_BYTES } from '../../worker/apis/files/upload.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  // own server: the files of others would be listed.
  server = await startTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const upload = async (content: Uint8Array | string) =>
  await openai.files.create({
    ...{ file: await toFile(new Blob([content]), 'requests.jsonl'), purpose: 'batch' },
  });

const listed = async () => (await openai.files.list()).data.map(({ id }) => id);

test('a file can be listed, read, and is gone once it is deleted', async () => {
  const file = await upload('{"custom_id": 1}\r\n--\r\n');
  expect(file).toMatchObject({
    ...{ object: 'file', bytes: 22, filename: 'requests.jsonl', purpose: 'batch' },
  });
  expect(await openai.files.retrieve(file.id)).toEqual(file);
  expect(await listed()).toContain(file.id);
  const content = await openai.files.content(file.id);
  expect(await content.text()).toBe('{"custom_id": 1}\r\n--\r\n');
  expect(content.headers.get('x-content-type-options')).toBe('nosniff');
  expect(await openai.files.delete(file.id)).toEqual({
    ...{ id: file.id, object: 'file', deleted: true },
  });
  await expect(openai.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(openai.files.content(file.id)).rejects.toMatchObject({ status: 404 });
  await expect(openai.files.delete(file.id)).rejects.toMatchObject({ status: 404 });
  expect(await listed()).not.toContain(file.id);
});

test('a file of several parts comes back as it was', async () => {
  const bytes = new Uint8Array(12 * 1024 * 1024 + 77);
  // Not periodic in anything: a part in the wrong place would show.
  for (let i = 0, x = 1; i < bytes.length; i++) {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = x >>> 24;
  }
  const file = await upload(bytes);
  expect(file.bytes).toBe(bytes.length);
  const back = new Uint8Array(await (await openai.files.content(file.id)).arrayBuffer());
  expect(back.every((byte, i) => byte === bytes[i])).toBe(true);
  expect(back.length).toBe(bytes.length);
  await openai.files.delete(file.id);
});

test('pages follow each other in either order', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.push((await upload(`{"n": ${i}}`)).id);
  for (const order of ['asc', 'desc'] as const) {
    const all = (await openai.files.list({ order })).data.map(({ id }) => id);
    const paged: string[] = [];
    for await (const { id } of openai.files.list({ order, limit: 2 })) paged.push(id);
    expect(paged).toEqual(all);
    expect(new Set(all)).toEqual(new Set(ids));
  }
  const newest = (await openai.files.list()).data;
  const times = newest.map(({ created_at }) => created_at);
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect((await openai.files.list({ purpose: 'batch_output' })).data).toEqual([]);
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'order=up', 'after=file-1'])
    expect([query, (await fetch(`${server.url}/v1/files?${query}`)).status]).toEqual([query, 400]);
});

interface Refusal {
  status: number;
  param: string | null;
  code: string;
  message: string;
}

async function post(body: BodyInit, contentType?: string): Promise<Refusal> {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  const init = { method: 'POST', body, headers, duplex: 'half' };
  const response = await fetch(`${server.url}/v1/files`, init);
  const { error } = await response.json<{ error?: Omit<Refusal, 'status'> }>();
  return { code: '', message: '', param: null, ...error, status: response.status };
}

const form = (fields: readonly (readonly [string, string | Blob])[]): FormData => {
  const data = new FormData();
  for (const [name, value] of fields) {
    if (typeof value === 'string') data.append(name, value);
    else data.append(name, value, 'requests.jsonl');
  }
  return data;
};
const blob = new Blob(['{}']);
const purpose = ['purpose', 'batch'] as const;

test.each([
  'ünï 日本 😀.jsonl',
  String.raw`quotes" and \ back.jsonl`,
  '../../etc/passwd',
  'x; name="purpose".jsonl',
])('a file named %s keeps its name', async (name) => {
  const data = form([purpose]);
  data.append('file', blob, name);
  const { id } = await (
    await fetch(`${server.url}/v1/files`, { method: 'POST', body: data })
  ).json<{ id: string }>();
  expect((await openai.files.retrieve(id)).filename).toBe(name);
});

/** [what, form, field] */
test.each<[string, () => FormData, string | null]>([
  ['no file', () => form([purpose]), 'file'],
  ['a text for a file of no bytes', () => form([purpose, ['file', '']]), 'file'],
  ['an empty file', () => form([purpose, ['file', new Blob([])]]), 'file'],
  ['two files', () => form([purpose, ['file', blob], ['file', blob]]), 'file'],
  ['no purpose', () => form([['file', blob]]), 'purpose'],
  [
    'another purpose',
    () =>
      form([
        ['purpose', 'evals'],
        ['file', blob],
      ]),
    'purpose',
  ],
  [
    'another purpose, told late',
    () =>
      form([
        ['file', blob],
        ['purpose', 'x'],
      ]),
    'purpose',
  ],
  ['a file that expires', () => form([purpose, ['file', blob], ['expires_after[seconds]', '1']]), 'expires_after[seconds]'], // prettier-ignore
  [
    'a long field',
    () =>
      form([
        ['purpose', 'x'.repeat(5000)],
        ['file', blob],
      ]),
    null,
  ],
  ['many fields', () => form([...Array<readonly [string, string]>(50).fill(['a', 'b']), ['file', blob]]), null], // prettier-ignore
  ['no field', () => form([]), 'file'],
])('refused, and nothing is kept: %s', async (_what, make, param) => {
  const before = await listed();
  const refusal = await post(make());
  expect([refusal.status, refusal.code, refusal.param], refusal.message).toEqual([
    ...[400, 'E_REQUEST_INVALID', param],
  ]);
  expect(await listed()).toEqual(before);
});

const part = (headers: string, content: string): string =>
  `--b\r\n${headers}\r\n\r\n${content}\r\n`;
const filePart = part('Content-Disposition: form-data; name="file"; filename="a"', '{}');
const purposePart = part('Content-Disposition: form-data; name="purpose"', 'batch');
const type = 'multipart/form-data; boundary=b';

/** [what, body, content type, part of the message] */
test.each<[string, string, string, string]>([
  ['JSON', '{}', 'application/json', 'multipart/form-data'],
  ['no boundary', `${filePart}--b--`, 'multipart/form-data', 'boundary'],
  ['an empty boundary', `${filePart}--b--`, 'multipart/form-data; boundary=""', 'boundary'],
  ['a long boundary', '', `multipart/form-data; boundary=${'b'.repeat(71)}`, 'boundary'],
  ['another boundary', `${filePart}${purposePart}--b--`, `${type}x`, 'cut off'],
  ['no end', `${filePart}${purposePart}`, type, 'cut off'],
  ['an end in a header', '--b\r\nContent-Dispo', type, 'cut off'],
  ['nothing', '', type, 'cut off'],
  ['only its end', '--b--', type, 'file'],
  ['a part without a name', `${part('X-A: b', '{}')}--b--`, type, 'file'],
  ['a header that is none', `${part('no header', '{}')}--b--`, type, 'headers'],
  ['endless headers', `--b\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`, type, 'headers'],
  ['broken percent-encoding', `${part(`Content-Disposition: form-data; name="file"; filename*=utf-8''%E0%A4%A`, '{}')}--b--`, type, 'header'], // prettier-ignore
])('a form with %s is refused', async (_what, body, contentType, part) => {
  const before = await listed();
  const refusal = await post(body, contentType);
  expect([refusal.status, refusal.code], refusal.message).toEqual([400, 'E_REQUEST_INVALID']);
  expect(refusal.message).toContain(part);
  expect(await listed()).toEqual(before);
});

test('a form as curl writes it is taken', async () => {
  const refusal = await post(`${purposePart}${filePart}--b--\r\n`, type);
  expect([refusal.status, refusal.message]).toEqual([200, '']);
});

const streamOf = (pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> => {
  const rest = pieces.values();
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const { value, done } = rest.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
  });
};

test('a form that comes a few bytes at a time is taken, and fields without effect are named', async () => {
  const other = part('Content-Disposition: form-data; name="colour"', 'red');
  const bytes = new TextEncoder().encode(`${filePart}${other}${purposePart}--b--\r\n`);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) =>
    bytes.subarray(i * 7, i * 7 + 7),
  );
  const response = await fetch(`${server.url}/v1/files`, {
    ...{ method: 'POST', headers: { 'content-type': type }, duplex: 'half' },
    body: streamOf(pieces),
  });
  expect(response.status).toBe(200);
  expect(response.headers.get('x-thimble-ignored')).toBe('colour');
  const { id } = await response.json<{ id: string }>();
  expect(await (await openai.files.content(id)).text()).toBe('{}');
});

test('a file that is too large is refused with its limit, and nothing of it is kept', async () => {
  const before = await listed();
  const big = new Blob([new Uint8Array(MAX_FILE_BYTES + 1)]);
  const refusal = await post(form([purpose, ['file', big]]));
  expect([refusal.status, refusal.code, refusal.param]).toEqual([413, 'E_BODY_TOO_LARGE', 'file']);
  expect(refusal.message).toContain(String(MAX_FILE_BYTES));
  expect(await listed()).toEqual(before);
});

test('a file as large as allowed is taken', async () => {
  const big = new Blob([new Uint8Array(MAX_FILE_BYTES).fill(32)]);
  const body = form([purpose, ['file', big]]);
  const file = await (await fetch(`${server.url}/v1/files`, { method: 'POST', body })).json();
  expect(file).toMatchObject({ object: 'file', bytes: MAX_FILE_BYTES });
});
