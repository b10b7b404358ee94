/** Embeddings and ranking over HTTP, with OpenAI's own client, on a tiny random encoder. */
import { dirname } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import type { LocalEncoder } from '../../scripts/node-host/encoder.ts';
import { TINY_CONFIG, TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';
import { importedModel } from '../support/models.ts';

const ID = TINY_ENCODER_ID;
let server: SharedServer;
let local: LocalEncoder;
let client: OpenAI;

beforeAll(async () => {
  const { folder } = await importedModel(ID, 'encoder');
  local = await loadLocalEncoder(ID, {}, dirname(folder));
  server = await shareTestServer([ID]);
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const TEXTS = ['the sea is blue', 'a cat sat on the mat', 'bread', 'The sea is blue'];

/** What the engine in this process makes of a text. */
async function expected(text: string): Promise<Float32Array> {
  const ids = local.tokenizer.encode(text, { special: false, bos: true });
  const [vector] = await local.engine.embed([[...ids, local.manifest.tokenizer.eosIds[0]!]]);
  return vector!;
}

interface Refusal {
  readonly error: { readonly code: string; readonly param: string; readonly message: string };
}

async function refusal(
  body: unknown,
  path = '/v1/embeddings',
): Promise<[number, Refusal['error']]> {
  const response = await server.post(path, body);
  return [response.status, (await response.json<Refusal>()).error];
}

describe('embeddings', () => {
  test("come through OpenAI's client, in the order of the texts", async () => {
    const { data, model, usage } = await client.embeddings.create({ model: ID, input: TEXTS });
    expect(model).toBe(ID);
    expect(data.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    for (const [i, { embedding }] of data.entries()) {
      const want = await expected(TEXTS[i]!);
      expect(embedding.length).toBe(TINY_CONFIG.nEmbd);
      for (const [k, value] of embedding.entries()) expect(value).toBeCloseTo(want[k]!, 6);
    }
    expect(data[3]!.embedding).toEqual(data[0]!.embedding);
    expect(usage.prompt_tokens).toBe(6 + 8 + 3 + 6);
  });

  test('numbers, base64 and token ids say the same; the model may be left out', async () => {
    const ids = local.tokenizer.encode(TEXTS[0]!, { special: false });
    const inputs = [TEXTS[0], ids, [ids], [TEXTS[0]]];
    const made = await Promise.all(
      inputs.map(async (input) => {
        const response = await server.post('/v1/embeddings', { input, encoding_format: 'float' });
        return (await response.json<{ data: { embedding: number[] }[] }>()).data;
      }),
    );
    for (const data of made) expect(data).toEqual(made[0]);
    const base64 = await client.embeddings.create({ model: ID, input: TEXTS[0]! });
    expect(base64.data[0]!.embedding).toEqual(made[0]![0]!.embedding);
  });

  test('ids that carry their special tokens are not given them twice', async () => {
    const ids = local.tokenizer.encode(TEXTS[0]!, { special: false, bos: true });
    const { data } = await client.embeddings.create({
      model: ID,
      input: [TEXTS[0]!, TEXTS[0]!],
    });
    const whole = await client.embeddings.create({
      model: ID,
      input: [...ids, local.manifest.tokenizer.eosIds[0]!],
    });
    expect(whole.data[0]!.embedding).toEqual(data[0]!.embedding);
  });

  test('fewer dimensions are the first ones, of length one', async () => {
    const [whole, cut] = await Promise.all(
      [TINY_CONFIG.nEmbd, 8].map(async (dimensions) => {
        const { data } = await client.embeddings.create({ model: ID, input: 'bread', dimensions });
        return data[0]!.embedding;
      }),
    );
    expect(cut!.length).toBe(8);
    const norm = Math.hypot(...whole!.slice(0, 8));
    for (const [i, value] of cut!.entries()) expect(value).toBeCloseTo(whole![i]! / norm, 5);
    expect(Math.hypot(...cut!)).toBeCloseTo(1, 5);
  });

  test('hundreds of texts of all lengths are each as if alone', async () => {
    const words = ['the', 'sea', 'is', 'blue', 'warm', 'bread', 'cat'];
    const texts = Array.from({ length: 300 }, (_, i) =>
      Array.from({ length: 1 + (i % 40) }, (_w, k) => words[(i * 7 + k * 3) % 7]).join(' '),
    );
    const { data } = await client.embeddings.create({ model: ID, input: texts });
    for (const i of [0, 39, 150, 299]) {
      const want = await expected(texts[i]!);
      for (const [k, value] of data[i]!.embedding.entries()) expect(value).toBeCloseTo(want[k]!, 5);
    }
  });

  test('what is too long is refused by its index, or cut if asked', async () => {
    const long = Array.from({ length: 60 }, () => 'sea').join(' ');
    const [status, error] = await refusal({ input: ['bread', long] });
    expect([status, error.code, error.param]).toEqual([400, 'context_length_exceeded', 'input[1]']);
    expect(error.message).toContain('input[1]: expected at most 46 tokens, got 60');
    const cut = await server.post('/v1/embeddings', { input: [long], truncate: true });
    const { usage } = await cut.json<{ usage: { prompt_tokens: number } }>();
    expect([cut.status, usage.prompt_tokens]).toEqual([200, TINY_CONFIG.maxTokens]);
  });

  test.each([
    [{ input: ['bread', ''] }, 'input[1]', 'input[1]: is empty'],
    [{ input: ['bread', '  \n'] }, 'input[1]', 'input[1]: is empty'],
    [{ input: '' }, 'input', 'input: is empty'],
    [{ input: [] }, 'input', '1 to 2048'],
    [{ input: [[]] }, 'input[0]', 'input[0]: is empty'],
    [{ input: [[1, 5_000]] }, 'input[0]', 'input[0]: expected token ids below'],
    [{ input: [1.5] }, 'input[0]', 'input[0]'],
    [{ input: { text: 'a' } }, 'input', 'expected a text'],
    [{}, 'input', 'input'],
    [{ input: 'a', dimensions: 41 }, 'dimensions', 'expected at most 40'],
    [{ input: 'a', dimensions: 0 }, 'dimensions', 'dimensions'],
    [{ input: 'a', encoding_format: 'hex' }, 'encoding_format', 'encoding_format'],
    [{ input: 'a', input_type: 'x' }, 'input_type', 'input_type'],
  ])('refuses %j', async (body, param, message) => {
    const [status, error] = await refusal(body);
    expect([status, error.code, error.param]).toEqual([400, 'E_REQUEST_INVALID', param]);
    expect(error.message).toContain(message);
  });

  test('refuses 10,000 texts', async () => {
    const [status, error] = await refusal({ input: Array.from({ length: 10_000 }, () => 'sea') });
    expect([status, error.code, error.param]).toEqual([400, 'E_REQUEST_INVALID', 'input']);
    expect(error.message).toContain('2048');
  });

  test('a text model does not embed', async () => {
    const [status, error] = await refusal({ model: STORIES_ID, input: 'a' });
    expect([status, error.code, error.param]).toEqual([400, 'E_MODEL_KIND', 'model']);
  });
});

describe('ranking', () => {
  const documents = ['a cat sat on the mat', 'the sea is blue', { text: 'warm bread' }];

  test('puts the same text first and says how it ranks', async () => {
    const response = await server.post('/v1/rerank', {
      query: 'the sea is blue',
      documents,
      top_n: 2,
      return_documents: true,
    });
    const answer = await response.json<{
      method: string;
      results: { index: number; relevance_score: number; document: { text: string } }[];
    }>();
    expect(answer.method).toBe('embedding');
    expect(answer.results.length).toBe(2);
    expect(answer.results[0]).toMatchObject({ index: 1, document: { text: 'the sea is blue' } });
    expect(answer.results[0]!.relevance_score).toBeCloseTo(1, 5);
    expect(answer.results[1]!.relevance_score).toBeLessThan(answer.results[0]!.relevance_score);
  });

  test.each([
    [{ query: 'sea', documents: [] }, 'documents'],
    [{ query: 'sea', documents: ['bread', ''] }, 'documents[1]'],
    [{ query: ' ', documents: ['bread'] }, 'query'],
    [{ query: 'sea', documents: ['bread'], top_n: 0 }, 'top_n'],
  ])('refuses %j', async (body, param) => {
    const [status, error] = await refusal(body, '/v1/rerank');
    expect([status, error.param]).toEqual([400, param]);
  });
});
