/** Collections over HTTP on a tiny random encoder: documents in, searches, faults that are named. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { sseData, startTestServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;

beforeAll(async () => {
  // own server: it is restarted.
  server = await startTestServer({ models: [TINY_ENCODER_ID] });
});
afterAll(() => server.close());

interface Hit {
  readonly document: string;
  readonly chunk: number;
  readonly start: number;
  readonly end: number;
  readonly heading: string;
  readonly text: string;
  readonly score: number;
  readonly vector_score: number | null;
  readonly text_score: number | null;
  readonly metadata: Record<string, unknown>;
}
interface Added {
  readonly data: readonly {
    id: string;
    status: string;
    chunks: number;
    error?: { code: string; message: string };
  }[];
  readonly failed: number;
}

async function ok<T>(asked: Promise<Response>): Promise<T> {
  const response = await asked;
  if (response.status !== 200) expect([response.status, await response.text()]).toEqual([200, '']);
  return await response.json<T>();
}
const call = (method: string, path: string) => fetch(`${server.url}${path}`, { method });
const create = (name: string, more: object = {}) =>
  ok<{ documents: number; dimensions: number }>(server.post('/v1/collections', { name, ...more }));
const add = (name: string, documents: readonly object[]) =>
  ok<Added>(server.post(`/v1/collections/${name}/documents`, { documents }));
const find = async (name: string, body: object) =>
  (await ok<{ data: Hit[] }>(server.post(`/v1/collections/${name}/search`, body))).data;
async function refusal(asked: Promise<Response>): Promise<[number, string, string]> {
  const response = await asked;
  const { error } = await response.json<{ error: { code: string; param: string } }>();
  return [response.status, error.code, error.param];
}

const NOTES = [
  { id: 'sea', content: 'the sea is blue', metadata: { year: 2020 } },
  { id: 'bread', content: 'warm bread on a mat', metadata: { year: 2024 } },
  { id: 'cat', content: 'a cat sat on the mat', metadata: { year: 2024, kind: 'animal' } },
];

describe('a collection', () => {
  test('is made, filled, searched in every mode, and outlives a restart', async () => {
    expect(await create('notes')).toMatchObject({ documents: 0, dimensions: 40 });
    const added = await add('notes', NOTES);
    expect(added.data.map(({ status }) => status)).toEqual(['added', 'added', 'added']);
    for (const mode of ['hybrid', 'vector', 'text']) {
      const [best] = await find('notes', { query: 'the sea is blue', mode, top_k: 2 });
      expect(best).toMatchObject({ document: 'sea', chunk: 0, start: 0, end: 15 });
    }
    const [byVector] = await find('notes', { query: 'the sea is blue', mode: 'vector' });
    expect(byVector!.vector_score).toBeGreaterThan(0.99);
    expect(byVector!.text_score).toBeNull();
    const filtered = await find('notes', { query: 'sea', filter: { year: { gt: 2020 } } });
    expect(filtered.map(({ document }) => document).toSorted()).toEqual(['bread', 'cat']);
    await server.restart();
    const [again] = await find('notes', { query: 'cat sat', mode: 'text', top_k: 1 });
    expect(again).toMatchObject({ document: 'cat', metadata: { kind: 'animal' } });
    const list = await ok<{ data: { name: string }[] }>(call('GET', '/v1/collections'));
    expect(list.data.map(({ name }) => name)).toContain('notes');
  });

  test('replaces and deletes documents, and forgets their words and vectors', async () => {
    await create('changing');
    await add('changing', NOTES);
    const again = await add('changing', [{ id: 'sea', content: 'warm rain' }]);
    expect(again.data[0]).toMatchObject({ id: 'sea', status: 'replaced', chunks: 1 });
    expect(await find('changing', { query: 'blue', mode: 'text' })).toEqual([]);
    const [hit] = await find('changing', { query: 'rain', mode: 'text' });
    expect(hit).toMatchObject({ document: 'sea', text: 'warm rain', metadata: {} });
    await ok(call('DELETE', '/v1/collections/changing/documents/sea'));
    const left = await find('changing', { query: 'warm rain', top_k: 10 });
    expect(left.map(({ document }) => document)).not.toContain('sea');
    const documents = await ok<{ data: { id: string }[]; has_more: boolean }>(
      call('GET', '/v1/collections/changing/documents'),
    );
    expect(documents.data.map(({ id }) => id)).toEqual(['bread', 'cat']);
    expect(await refusal(call('GET', '/v1/collections/changing/documents/sea'))).toEqual([
      404,
      'E_NOT_FOUND',
      'id',
    ]);
    expect(await ok(call('GET', '/v1/collections/changing'))).toMatchObject({
      documents: 2,
      chunks: 2,
    });
    await ok(call('DELETE', '/v1/collections/changing'));
    expect((await refusal(call('GET', '/v1/collections/changing')))[0]).toBe(404);
    // The name is free again, and nothing came back.
    await create('changing');
    expect(await find('changing', { query: 'cat' })).toEqual([]);
  });

  test('cuts long documents into passages that point at their place', async () => {
    await create('long', { chunk_tokens: 16 });
    const content = `# Sea\n\n${'the sea is blue. '.repeat(30)}\n\n# Bread\n\n${'bread is warm. '.repeat(10)}`;
    const html = '<h1>Rain</h1><p>the rain is <b>warm</b> &amp; a cat sat</p>';
    const added = await add('long', [
      { id: 'a/b c', content, content_type: 'text/markdown' },
      { id: 'page', content: html, content_type: 'text/html' },
    ]);
    expect(added.data[0]!.chunks).toBeGreaterThan(5);
    const hits = await find('long', { query: 'bread is warm', mode: 'text', top_k: 50 });
    expect(hits.length).toBeGreaterThan(1);
    for (const { document, start, end, text, heading } of hits) {
      if (document !== 'a/b c') continue;
      expect(content.slice(start, end)).toBe(text);
      expect(text.includes('bread') ? heading : '').toBe(text.includes('bread') ? 'Bread' : '');
    }
    const [page] = await find('long', { query: 'cat rain', mode: 'text', top_k: 1 });
    expect(html.slice(page!.start, page!.end)).toContain('<b>warm</b> &amp; a cat sat');
    const one = await ok(
      call('GET', `/v1/collections/long/documents/${encodeURIComponent('a/b c')}`),
    );
    expect(one).toMatchObject({ id: 'a/b c', characters: content.length });
  });
});

describe('what is wrong is named', () => {
  beforeAll(async () => {
    await create('strict');
  });

  test('per document: the others are added', async () => {
    const added = await add('strict', [
      { id: 'good', content: 'the sea' },
      { id: 'empty', content: ' \n ' },
      { id: 'binary', content: '\u0000\u0001PNG' },
      { id: 'tags', content: '<p></p>', content_type: 'text/html' },
    ]);
    expect(added.failed).toBe(3);
    expect(added.data.map(({ status }) => status)).toEqual(['added', 'failed', 'failed', 'failed']);
    expect(added.data[1]!.error).toMatchObject({ code: 'E_REQUEST_INVALID' });
    expect(added.data[2]!.error!.message).toContain('documents[2].content: is no text');
    expect(await ok(call('GET', '/v1/collections/strict'))).toMatchObject({ documents: 1 });
  });

  test.each([
    [{ documents: [] }, 'documents'],
    [{ documents: [{ id: '', content: 'a' }] }, 'documents[0].id'],
    [{ documents: [{ id: 'a\nb', content: 'a' }] }, 'documents[0].id'],
    [{ documents: [{ id: 'a', content: 5 }] }, 'documents[0].content'],
    [
      { documents: [{ id: 'a', content: 'a', content_type: 'image/tiff' }] },
      'documents[0].content_type',
    ],
    [{ documents: [{ id: 'a', content: 'a', metadata: { x: [1] } }] }, 'documents[0].metadata.x'],
    [
      {
        documents: [
          { id: 'a', content: 'a' },
          { id: 'a', content: 'b' },
        ],
      },
      'documents[1].id',
    ],
  ])('documents %j', async (body, param) => {
    const got = await refusal(server.post('/v1/collections/strict/documents', body));
    expect(got).toEqual([400, 'E_REQUEST_INVALID', param]);
  });

  test.each(['', 'UPPER', 'a b', '../x', 'a'.repeat(64), '-a', '$list', 'é'])(
    'the name %j',
    async (name) => {
      const got = await refusal(server.post('/v1/collections', { name }));
      expect(got).toEqual([400, 'E_REQUEST_INVALID', 'name']);
      if (name === '' || name === '../x') return;
      const path = `/v1/collections/${encodeURIComponent(name)}`;
      expect((await refusal(call('GET', path))).slice(0, 2)).toEqual([400, 'E_REQUEST_INVALID']);
    },
  );

  test.each([
    [{ query: '' }, 'query'],
    [{ query: 'sea', top_k: 0 }, 'top_k'],
    [{ query: 'sea', top_k: 101 }, 'top_k'],
    [{ query: 'sea', mode: 'best' }, 'mode'],
    [{ query: 'sea', filter: { 'a b': 1 } }, 'filter.a b'],
    [{ query: 'sea', filter: { year: { near: 1 } } }, 'filter.year'],
  ])('the search %j', async (body, param) => {
    const [status, code, got] = await refusal(server.post('/v1/collections/strict/search', body));
    expect([status, code]).toEqual([400, 'E_REQUEST_INVALID']);
    expect(got.startsWith(param)).toBe(true);
  });

  test('words that are syntax elsewhere are only words', async () => {
    for (const query of ['"', 'sea OR (', 'NEAR(', "'; DROP TABLE chunks; --", '* ^ :', '-sea'])
      await find('strict', { query, mode: 'text' });
    expect(await find('strict', { query: '-sea"', mode: 'text' })).toHaveLength(1);
  });

  test('twice the same name', async () => {
    const got = await refusal(server.post('/v1/collections', { name: 'strict' }));
    expect(got).toEqual([400, 'E_REQUEST_INVALID', 'name']);
  });
});

describe('an answer from a collection', () => {
  const messages = [{ role: 'user', content: 'the sea is blue' }];
  interface Answer {
    readonly choices: readonly { readonly message: { readonly content: string } }[];
    readonly usage: { readonly prompt_tokens: number };
    readonly citations: readonly Hit[];
  }
  beforeAll(async () => {
    await create('facts');
    await add('facts', NOTES);
  });

  test('tells which passages it was given, and where they stand', async () => {
    const body = {
      messages,
      max_tokens: 8,
      temperature: 0,
      retrieval: { collection: 'facts', top_k: 2 },
    };
    const answer = await ok<Answer>(server.post('/v1/chat/completions', body));
    expect(answer.citations.length).toBe(2);
    expect(answer.citations[0]).toMatchObject({
      ...{ index: 1, document: 'sea', chunk: 0, start: 0, end: 15 },
      ...{ text: 'the sea is blue', cited: false },
    });
    const plain = await ok<Answer>(
      server.post('/v1/chat/completions', { ...body, retrieval: undefined }),
    );
    expect(plain).not.toHaveProperty('citations');
    expect(answer.usage.prompt_tokens).toBeGreaterThan(plain.usage.prompt_tokens + 20);
  });

  test('streams, with the citations in its last chunk', async () => {
    const response = await server.post('/v1/chat/completions', {
      ...{ messages, max_tokens: 8, stream: true },
      retrieval: { collection: 'facts', filter: { year: 2020 } },
    });
    const data = await Array.fromAsync(sseData(response));
    const chunks = data.slice(0, -1).map((line) => JSON.parse(line) as Partial<Answer>);
    expect(chunks.filter(({ citations }) => citations !== undefined)).toHaveLength(1);
    expect(chunks.at(-1).citations!.map(({ document }) => document)).toEqual(['sea']);
  });

  test.each([
    [{ collection: 'nothing' }, 404, 'retrieval.collection'],
    [{ collection: 'A B' }, 400, 'retrieval.collection'],
    [{ collection: 'facts', top_k: 21 }, 400, 'retrieval.top_k'],
    [{ collection: 'facts', depth: 1 }, 400, 'retrieval'],
  ])('refuses %j', async (retrieval, status, param) => {
    const got = await refusal(server.post('/v1/chat/completions', { messages, retrieval }));
    expect([got[0], got[2]]).toEqual([status, param]);
  });

  test('not in a session', async () => {
    const body = { messages, session: 'ada', retrieval: { collection: 'facts' } };
    const got = await refusal(server.post('/v1/chat/completions', body));
    expect(got).toEqual([400, 'E_REQUEST_INVALID', 'retrieval']);
  });
});
