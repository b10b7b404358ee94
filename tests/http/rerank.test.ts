/** Tiny random rerankers over HTTP, in workerd: the scores of EncoderEngine.score in Node on the same ids. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import type { LocalEncoder } from '../../scripts/node-host/encoder.ts';
import { embedderGguf, RERANKER_FIXTURES } from '../support/embedder-fixtures.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { temporaryFolder } from '../support/models.ts';

const BERT = 'tiny-rank-bert';
const QWEN = 'tiny-rank-qwen3';
const MAX_TOKENS = 128;

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: TestServer;
const local = new Map<string, LocalEncoder>();

beforeAll(async () => {
  folder = await temporaryFolder();
  const modelsRoot = join(folder.path, 'models');
  for (const [i, id] of [BERT, QWEN].entries()) {
    const input = join(folder.path, `${id}.gguf`);
    await writeFile(input, embedderGguf(RERANKER_FIXTURES[i]!));
    await importModel({ input, id, outRoot: modelsRoot });
    local.set(id, await loadLocalEncoder(id, {}, modelsRoot));
  }
  const imported = { modelsRoot, ids: [BERT, QWEN] };
  server = await startTestServer({ models: [TINY_ENCODER_ID], imported });
});
afterAll(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

interface Answer {
  readonly model: string;
  readonly method: string;
  readonly results: readonly {
    readonly index: number;
    readonly relevance_score: number;
    readonly document?: { readonly text: string };
  }[];
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

type PairIds = (model: LocalEncoder, query: string, document: string) => number[];

/** [CLS] query [SEP] document [SEP] */
const wordPiecePair: PairIds = ({ tokenizer }, query, document) => {
  const idsOf = (text: string) => tokenizer.encode(text, { special: false });
  return [2, ...idsOf(query), 3, ...idsOf(document), 3];
};
/** The fixture's template, `<s>{query} ? {document}</s>`, in which users' text is plain. */
const templatePair: PairIds = ({ tokenizer }, query, document) => [
  1,
  ...tokenizer.encode(`${query} ? ${document}`, { special: false }),
  2,
];
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const QUERY = 'the sea is blue';
const DOCUMENTS = ['a cat sat on the mat', 'the sea is warm', 'bread', 'a </s> [SEP] b'];

const CASES: readonly (readonly [string, PairIds, (score: number) => number])[] = [
  [BERT, wordPiecePair, sigmoid],
  [QWEN, templatePair, (probability) => probability],
];

describe.each(CASES)('%s', (id, pair, publicScore) => {
  async function expected(documents: readonly string[], cut?: (ids: number[]) => number[]) {
    const model = local.get(id)!;
    const ids = documents.map((document) => pair(model, QUERY, document));
    const scores = await model.engine.score(cut === undefined ? ids : ids.map(cut));
    return { ids, scores: scores.map(publicScore) };
  }

  test('scores pairs as the engine does, best first', async () => {
    const want = await expected(DOCUMENTS);
    const answer = await rank({
      ...{ model: id, query: QUERY, documents: DOCUMENTS, return_documents: true },
    });
    expect(answer).toMatchObject({ model: id, method: 'reranker' });
    expect(answer.results).toHaveLength(DOCUMENTS.length);
    for (const { index, relevance_score, document } of answer.results) {
      expect(relevance_score).toBeCloseTo(want.scores[index]!, 6);
      expect(document).toEqual({ text: DOCUMENTS[index] });
    }
    const got = answer.results.map(({ relevance_score }) => relevance_score);
    expect(got).toEqual([...got].sort((a, b) => b - a));
    expect(new Set(got).size).toBe(DOCUMENTS.length);
    for (const score of got) expect(score > 0 && score < 1).toBe(true);
    expect(answer.usage.total_tokens).toBe(want.ids.flat().length);
    const best = await rank({ model: id, query: QUERY, documents: DOCUMENTS, top_n: 1 });
    expect(best.results).toEqual([{ index: answer.results[0]!.index, relevance_score: got[0] }]);
  });

  test('what users write is neither a place of the template nor a special token', async () => {
    const [query, document] = ['sea {document} </s> [SEP]', 'the {query} <s>'];
    const model = local.get(id)!;
    const [want] = await model.engine.score([pair(model, query, document)]);
    const { results } = await rank({ model: id, query, documents: [document] });
    expect(results[0]!.relevance_score).toBeCloseTo(publicScore(want!), 6);
  });

  test('the order of query and document counts', async () => {
    const [a, b] = await Promise.all(
      [
        [QUERY, 'bread'],
        ['bread', QUERY],
      ].map(async ([query, document]) => await rank({ model: id, query, documents: [document] })),
    );
    const [one, other] = [a!, b!].map(({ results }) => results[0]!.relevance_score);
    expect(Math.abs(one! - other!)).toBeGreaterThan(1e-4);
  });

  test('hundreds of documents over several calls are each as if alone', async () => {
    const words = ['the', 'sea', 'is', 'blue', 'warm', 'bread', 'cat'];
    const documents = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 1 + (i % 20) }, (_w, k) => words[(i * 7 + k * 3) % 7]).join(' '),
    );
    const want = await expected(documents);
    const { results } = await rank({ model: id, query: QUERY, documents });
    expect(results).toHaveLength(300);
    for (const { index, relevance_score } of results)
      expect(relevance_score).toBeCloseTo(want.scores[index]!, 5);
  });

  test('a long document is cut before what ends the pair, or refused', async () => {
    const long = Array.from({ length: 100 }, () => 'sea is').join(' ');
    const cut = (ids: number[]) =>
      ids.length <= MAX_TOKENS ? ids : [...ids.slice(0, MAX_TOKENS - 1), ids.at(-1)];
    const want = await expected(['bread', long], cut);
    const { results, usage } = await rank({ model: id, query: QUERY, documents: ['bread', long] });
    for (const { index, relevance_score } of results)
      expect(relevance_score).toBeCloseTo(want.scores[index]!, 6);
    expect(usage.total_tokens).toBe(want.ids[0]!.length + MAX_TOKENS);
    const body = { model: id, query: QUERY, documents: ['bread', long], truncate: false };
    expect(await refusal('/v1/rerank', body)).toMatchObject({
      ...{ status: 400, code: 'context_length_exceeded', param: 'documents[1]' },
    });
  });

  test('a long query leaves half of the tokens to the document, or is refused', async () => {
    const query = Array.from({ length: 200 }, () => 'warm sea').join(' ');
    const documents = ['bread', 'the cat is warm'];
    const { results } = await rank({ model: id, query, documents });
    const [a, b] = results.map(({ relevance_score }) => relevance_score);
    expect(Math.abs(a! - b!)).toBeGreaterThan(1e-6);
    const refused = await refusal('/v1/rerank', { model: id, query, documents, truncate: false });
    expect(refused).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'query' });
  });

  test.each([
    [{ query: QUERY, documents: ['bread', ' '] }, 'documents[1]'],
    [{ query: ' ', documents: ['bread'] }, 'query'],
  ])('refuses %j', async (body, param) => {
    const refused = await refusal('/v1/rerank', { model: id, ...body });
    expect(refused).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID', param });
  });

  test('does not embed, and the error names the endpoint that takes it', async () => {
    const refused = await refusal('/v1/embeddings', { model: id, input: 'bread' });
    expect(refused).toMatchObject({ status: 400, code: 'E_MODEL_KIND', param: 'model' });
    expect(refused.message).toContain('is a reranker');
    expect(refused.message).toContain('POST /v1/rerank');
    const collection = await refusal('/v1/collections', { name: 'ranked', model: id });
    expect(collection).toMatchObject({ status: 400, code: 'E_MODEL_KIND' });
  });
});

test('requests that name no model: the only embedding model embeds, one of several rerankers must be named', async () => {
  const embedded = await server.post('/v1/embeddings', { input: 'bread' });
  expect((await embedded.json<{ model: string }>()).model).toBe(TINY_ENCODER_ID);
  const refused = await refusal('/v1/rerank', { query: QUERY, documents: DOCUMENTS });
  expect(refused).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID', param: 'model' });
  expect(refused.message).toContain(BERT);
});

test('an embedding model ranks by its vectors as before; a text model does not rank', async () => {
  const answer = await rank({
    model: TINY_ENCODER_ID,
    query: QUERY,
    documents: [...DOCUMENTS, QUERY],
  });
  expect(answer.method).toBe('embedding');
  expect(answer.results[0]!.index).toBe(DOCUMENTS.length);
  expect(answer.results[0]!.relevance_score).toBeCloseTo(1, 5);
  const refused = await refusal('/v1/rerank', {
    model: STORIES_ID,
    query: QUERY,
    documents: DOCUMENTS,
  });
  expect(refused).toMatchObject({ status: 400, code: 'E_MODEL_KIND', param: 'model' });
});

test('models say what they give', async () => {
  const response = await fetch(`${server.url}/v1/models/${BERT}`);
  const { thimble } = await response.json<{ thimble: { modalities: unknown } }>();
  expect(thimble.modalities).toEqual({ input: ['text'], output: ['score'] });
});
