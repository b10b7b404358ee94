/** Late interaction over HTTP, in workerd, and searches whose best passages are ranked again. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import type { LocalEncoder } from '../../scripts/node-host/encoder.ts';
import { embedderGguf, RERANKER_FIXTURES } from '../support/embedder-fixtures.ts';
import {
  TINY_ENCODER_ID,
  TINY_LATE,
  writeTinyEncoder,
  writeTinyLate,
} from '../support/encoders.ts';
import { startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { temporaryFolder } from '../support/models.ts';

const BERT = 'tiny-rank-bert';
const LATE = 'tiny-late';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: TestServer;
let late: LocalEncoder;

beforeAll(async () => {
  folder = await temporaryFolder();
  const outRoot = join(folder.path, 'models');
  const ranker = join(folder.path, 'ranker.gguf');
  await writeFile(ranker, embedderGguf(RERANKER_FIXTURES[0]!));
  await importModel({ input: ranker, id: BERT, outRoot });
  const source = join(folder.path, LATE);
  const lateFolder = join(folder.path, 'late');
  await writeTinyEncoder(source);
  await writeTinyLate(lateFolder);
  await importModel({ input: source, id: LATE, outRoot, lateFolder });
  late = await loadLocalEncoder(LATE, {}, outRoot);
  // own server: it serves models of its own.
  server = await startTestServer({
    models: [TINY_ENCODER_ID],
    imported: { modelsRoot: outRoot, ids: [BERT, LATE] },
  });
});
afterAll(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

interface Answer {
  readonly model: string;
  readonly method: string;
  readonly results: readonly { readonly index: number; readonly relevance_score: number }[];
  readonly usage: { readonly total_tokens: number };
}

async function rank(body: unknown): Promise<Answer> {
  const response = await server.post('/v1/rerank', body);
  expect(response.status).toBe(200);
  return await response.json<Answer>();
}

async function refusal(path: string, body: unknown) {
  const response = await server.post(path, body);
  const { error } = await response.json<{
    error: { code: string; param: string; message: string };
  }>();
  return { status: response.status, ...error };
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const QUERY = 'the sea is blue';
const DOCUMENTS = ['a cat sat on the mat', 'the sea is warm', 'bread', 'a </s> [SEP] b'];

describe('late interaction', () => {
  const idsOf = (text: string) => [
    2,
    ...late.tokenizer.encode(text, { special: false }).slice(0, 46),
    3,
  ];
  async function expected(query: string, documents: readonly string[]): Promise<number[]> {
    const scores = await late.engine.interact(idsOf(query), documents.map(idsOf));
    return scores.map((score) => sigmoid(TINY_LATE.scale * score + TINY_LATE.offset));
  }

  test('ranks with the scores of the engine, between 0 and 1, at every path', async () => {
    const want = await expected(QUERY, DOCUMENTS);
    const answer = await rank({ model: LATE, query: QUERY, documents: DOCUMENTS });
    expect(answer).toMatchObject({ model: LATE, method: 'late_interaction' });
    for (const { index, relevance_score: score } of answer.results) {
      expect(score).toBeCloseTo(want[index]!, 6);
      expect(score > 0 && score < 1).toBe(true);
    }
    const order = answer.results.map(({ index }) => index);
    expect(order).toEqual(order.toSorted((a, b) => want[b]! - want[a]!));
    expect(answer.usage.total_tokens).toBe([QUERY, ...DOCUMENTS].flatMap(idsOf).length);
    const cohere = await server.post('/v2/rerank', {
      ...{ model: LATE, query: QUERY, documents: DOCUMENTS },
    });
    expect((await cohere.json<Answer>()).results).toEqual(answer.results);
  });

  test('hundreds of documents over several calls are each as if alone', async () => {
    const words = ['the', 'sea', 'is', 'blue', 'warm', 'bread', 'cat'];
    const documents = Array.from({ length: 500 }, (_, i) =>
      Array.from({ length: 1 + (i % 60) }, (_w, k) => words[(i * 7 + k * 3) % 7]).join(' '),
    );
    const want = await expected(QUERY, documents);
    const { results } = await rank({ model: LATE, query: QUERY, documents });
    expect(results).toHaveLength(500);
    for (const { index, relevance_score: score } of results)
      expect(score).toBeCloseTo(want[index]!, 5);
  });

  test('"method" asks for the cosine of one vector each, or for what a model cannot do', async () => {
    const body = { query: QUERY, documents: DOCUMENTS };
    const cosines = await rank({ ...body, model: LATE, method: 'embedding' });
    expect(cosines).toEqual({ ...(await rank({ ...body, model: TINY_ENCODER_ID })), model: LATE });
    for (const [model, method] of [
      [TINY_ENCODER_ID, 'late_interaction'],
      [LATE, 'reranker'],
      [BERT, 'embedding'],
    ] as const) {
      const refused = await refusal('/v1/rerank', { ...body, model, method });
      expect(refused).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID', param: 'method' });
      expect(refused.message).toContain(model);
    }
    const unknown = await refusal('/v1/rerank', { ...body, model: LATE, method: 'magic' });
    expect(unknown).toMatchObject({ status: 400, param: 'method' });
  });

  test('names a text that is empty or too long', async () => {
    const long = Array.from({ length: 60 }, () => 'sea').join(' ');
    for (const [body, param] of [
      [{ query: ' ', documents: ['bread'] }, 'query'],
      [{ query: QUERY, documents: ['bread', ''] }, 'documents[1]'],
      [{ query: QUERY, documents: ['bread', long], truncate: false }, 'documents[1]'],
      [{ query: long, documents: ['bread'], truncate: false }, 'query'],
    ] as const)
      expect(await refusal('/v1/rerank', { model: LATE, ...body })).toMatchObject({
        ...{ status: 400, param },
      });
  });
});

describe('searches whose best passages are ranked again', () => {
  interface Hit {
    readonly document: string;
    readonly text: string;
    readonly score: number;
    readonly vector_score: number | null;
    readonly rerank_score: number | null;
  }
  const contents = Array.from(
    { length: 30 },
    (_, i) => `${DOCUMENTS[i % 3]!} ${'bcdefghijk'[i % 10]!} ${i}`,
  );
  const search = async (body: object, collection = 'ranked'): Promise<Hit[]> => {
    const path = `/v1/collections/${collection}/search`;
    const response = await server.post(path, { query: QUERY, ...body });
    expect(response.status).toBe(200);
    return (await response.json<{ data: Hit[] }>()).data;
  };

  beforeAll(async () => {
    for (const [name, model] of [
      ['ranked', TINY_ENCODER_ID],
      ['late', LATE],
    ]) {
      await server.post('/v1/collections', { name, model });
      const documents = contents.map((content, i) => ({ id: `d${i}`, content }));
      const added = await server.post(`/v1/collections/${name}/documents`, { documents });
      expect((await added.json<{ failed: number }>()).failed).toBe(0);
    }
  });

  test.each([LATE, BERT])('%s orders the best twenty of a search', async (model) => {
    const found = await search({ top_k: 20 });
    expect(found.map(({ rerank_score: score }) => score)).toEqual(found.map(() => null));
    const texts = found.map(({ text }) => text);
    const { results } = await rank({ model, query: QUERY, documents: texts });
    const again = await search({ top_k: 5, rerank: model });
    expect(again.map(({ text }) => text)).toEqual(
      results.slice(0, 5).map(({ index }) => texts[index]),
    );
    for (const [i, { score, rerank_score: ranked }] of again.entries()) {
      expect(score).toBe(ranked);
      expect(score).toBeCloseTo(results[i]!.relevance_score, 6);
    }
    expect(again.map(({ text }) => text)).not.toEqual(texts.slice(0, 5));
  });

  test('more than twenty are all ranked; nothing found stays nothing', async () => {
    const all = await search({ top_k: 30, mode: 'vector', rerank: LATE });
    expect(all).toHaveLength(30);
    const scores = all.map(({ score }) => score);
    expect(scores).toEqual(scores.toSorted((a, b) => b - a));
    const none = { rerank: LATE, filter: { kind: 'none' } };
    expect(await search(none)).toEqual([]);
  });

  test.each([
    ['nope', 404, 'model_not_found'],
    [STORIES_ID, 400, 'E_MODEL_KIND'],
  ])('a model that does not rank, %s, is named by its field', async (model, status, code) => {
    const path = '/v1/collections/ranked/search';
    const refused = await refusal(path, { query: QUERY, rerank: model });
    expect(refused).toMatchObject({ status, code, param: 'rerank' });
    const messages = [{ role: 'user', content: QUERY }];
    const retrieval = { collection: 'ranked', rerank: model };
    const chat = { model: STORIES_ID, messages, max_tokens: 1, retrieval };
    const answer = await refusal('/v1/chat/completions', chat);
    expect(answer).toMatchObject({ status, code, param: 'retrieval.rerank' });
    expect(answer.message).toMatch(/^retrieval\.rerank: /);
  });

  test('an answer has the passages in that order; by default where the model of the collection ranks so', async () => {
    const citationsOf = async (collection: string, more: object) => {
      const response = await server.post('/v1/chat/completions', {
        ...{ model: STORIES_ID, messages: [{ role: 'user', content: QUERY }], max_tokens: 1 },
        retrieval: { collection, top_k: 2, check: 'off', ...more },
      });
      const { citations } = await response.json<{ citations: { text: string; score: number }[] }>();
      return citations.map(({ text, score }) => [text, score]);
    };
    const found = async (collection: string, more: object) =>
      (await search({ top_k: 2, ...more }, collection)).map(({ text, score }) => [text, score]);
    const ranked = { rerank: LATE };
    expect(await citationsOf('ranked', ranked)).toEqual(await found('ranked', ranked));
    // The model of this collection has no vectors of tokens, that of the other has.
    expect(await citationsOf('ranked', {})).toEqual(await found('ranked', {}));
    expect(await citationsOf('late', {})).toEqual(await found('late', ranked));
    expect(await found('late', ranked)).not.toEqual(await found('late', {}));
    for (const more of [{ rerank: false }, { mode: 'text' }])
      expect(await citationsOf('late', more)).toEqual(await found('late', more));
  });
});
