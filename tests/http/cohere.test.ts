/** Ranking and embedding in Cohere's format give what OpenAI's and Jina's formats give. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

const model = TINY_ENCODER_ID;
const documents = ['a cold hill', 'a warm sea', 'bread and butter'];

async function answerOf<T>(path: string, body: object): Promise<T> {
  const response = await server.post(path, body);
  expect(response.status).toBe(200);
  return await response.json<T>();
}

test('rank', async () => {
  type Ranked = { results: { index: number; relevance_score: number }[] };
  const body = { model, query: 'the warm sea', documents };
  const own = await answerOf<Ranked>('/v1/rerank', body);
  const cohere = await answerOf<Ranked>('/v2/rerank', { ...body, top_n: 2 });
  expect(cohere.results).toEqual(own.results.slice(0, 2));
  for (const { relevance_score: score } of own.results) {
    expect(score).toBeGreaterThanOrEqual(0);
    expect(score).toBeLessThanOrEqual(1);
  }
  // Jina's and vLLM's path.
  expect(await answerOf<Ranked>('/rerank', body)).toEqual(own);
});

test('embed', async () => {
  type Own = { data: { embedding: number[] }[] };
  type Cohere = { embeddings: { float: number[][] }; texts: string[] };
  const own = await answerOf<Own>('/v1/embeddings', {
    model,
    input: documents,
    input_type: 'query',
  });
  const cohere = await answerOf<Cohere>('/v2/embed', {
    ...{ model, texts: documents, input_type: 'search_query', embedding_types: ['float'] },
  });
  expect(cohere.embeddings.float).toEqual(own.data.map(({ embedding }) => embedding));
  expect(cohere.texts).toEqual(documents);
});

test('errors are flat', async () => {
  const response = await server.post('/v2/rerank', { model: 'nope', query: 'a', documents });
  expect(response.status).toBe(404);
  const body = await response.json<{ message: string; code: string }>();
  expect(body.code).toBe('E_MODEL_NOT_FOUND');
  expect(body.message).toContain('nope');
});
