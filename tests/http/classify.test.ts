/** POST /classify as vLLM has it, in workerd: the classifier of texts, and imported models with classes. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import type { LocalEncoder } from '../../scripts/node-host/encoder.ts';
import { embedderGguf, RERANKER_FIXTURES } from '../support/embedder-fixtures.ts';
import { TINY_ENCODER_ID, TINY_LABELS, writeTinyClassifier } from '../support/encoders.ts';
import { startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { TestServer } from '../support/http-server.ts';
import { temporaryFolder } from '../support/models.ts';

const OWN = 'text-moderation-1';
const TINY = 'tiny-classifier';
/** Without names of its class. */
const BERT = 'tiny-rank-bert';
const QWEN = 'tiny-rank-qwen3';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: TestServer;
let tiny: LocalEncoder;
let qwen: LocalEncoder;

beforeAll(async () => {
  folder = await temporaryFolder();
  const modelsRoot = join(folder.path, 'models');
  const source = join(folder.path, 'classifier');
  await writeTinyClassifier(source);
  await importModel({ input: source, id: TINY, outRoot: modelsRoot });
  for (const [i, id] of [BERT, QWEN].entries()) {
    const input = join(folder.path, `${id}.gguf`);
    await writeFile(input, embedderGguf(RERANKER_FIXTURES[i]!));
    await importModel({ input, id, outRoot: modelsRoot });
  }
  tiny = await loadLocalEncoder(TINY, {}, modelsRoot);
  qwen = await loadLocalEncoder(QWEN, {}, modelsRoot);
  // own server: it serves models of its own.
  server = await startTestServer({
    models: [TINY_ENCODER_ID],
    imported: { modelsRoot, ids: [TINY, BERT, QWEN] },
  });
});
afterAll(async () => {
  await server.close();
  await folder[Symbol.asyncDispose]();
});

interface Answer {
  readonly id: string;
  readonly object: string;
  readonly created: number;
  readonly model: string;
  readonly data: readonly {
    readonly index: number;
    readonly label: string | null;
    readonly probs: readonly number[];
    readonly num_classes: number;
  }[];
  readonly usage: Readonly<Record<string, number | null>>;
}

async function classify(body: object, path = '/classify'): Promise<Answer> {
  const response = await server.post(path, body);
  if (response.status !== 200) expect([response.status, await response.text()]).toEqual([200, '']);
  return await response.json<Answer>();
}

async function refusal(body: object) {
  const response = await server.post('/classify', body);
  const { error } = await response.json<{
    error: { code: string; param: string; message: string };
  }>();
  return { status: response.status, ...error };
}

const TEXTS = ['the sea is blue', 'a cat sat on the mat'];

describe('a model with classes', () => {
  async function expected(ids: readonly (readonly number[])[]) {
    return (await tiny.engine.classScores(ids)).map((logits) => {
      const powers = Array.from(logits, (logit) => Math.exp(logit));
      const sum = powers.reduce((total, power) => total + power, 0);
      return powers.map((power) => power / sum);
    });
  }
  const idsOf = (text: string) => [2, ...tiny.tokenizer.encode(text, { special: false }), 3];

  test('gives the softmax of its scores, and the name of the largest', async () => {
    const answer = await classify({ model: TINY, input: TEXTS });
    const want = await expected(TEXTS.map(idsOf));
    expect(answer).toMatchObject({ object: 'list', model: TINY });
    expect(answer.id).toMatch(/^classify-[0-9a-f]{32}$/);
    expect(answer.created).toBeGreaterThan(1_700_000_000);
    for (const [i, { index, label, probs, num_classes: nClass }] of answer.data.entries()) {
      expect([index, nClass]).toEqual([i, TINY_LABELS.length]);
      for (const [k, prob] of probs.entries()) expect(prob).toBeCloseTo(want[i]![k]!, 5);
      expect(probs.reduce((sum, prob) => sum + prob, 0)).toBeCloseTo(1, 9);
      expect(label).toBe(TINY_LABELS[probs.indexOf(Math.max(...probs))]);
    }
    expect(answer.usage).toEqual({
      ...{ prompt_tokens: TEXTS.map(idsOf).flat().length, completion_tokens: 0 },
      ...{ total_tokens: TEXTS.map(idsOf).flat().length, prompt_tokens_details: null },
    });
  });

  test('takes one text, ids with or without special tokens, lists of them, and both paths', async () => {
    const [text] = TEXTS;
    const want = (await classify({ model: TINY, input: text })).data;
    const ids = idsOf(text!);
    for (const input of [[text], ids, [ids], ids.slice(1, -1)])
      expect((await classify({ model: TINY, input }, '/v1/classify')).data).toEqual(want);
  });

  test('names what it does not take', async () => {
    const long = Array.from({ length: 60 }, () => 'sea').join(' ');
    for (const [input, param, code] of [
      [['the sea', ' '], 'input[1]', 'E_REQUEST_INVALID'],
      ['', 'input', 'E_REQUEST_INVALID'],
      [[2, 999, 3], 'input', 'E_REQUEST_INVALID'],
      [[], 'input', 'E_REQUEST_INVALID'],
      [{ text: 'the sea' }, 'input', 'E_REQUEST_INVALID'],
      [['the sea', long], 'input[1]', 'context_length_exceeded'],
    ] as const)
      expect(await refusal({ model: TINY, input })).toMatchObject({ status: 400, code, param });
  });
});

test('a reranker whose file names its classes gives their probabilities', async () => {
  const { data } = await classify({ model: QWEN, input: TEXTS });
  const ids = TEXTS.map((text) => [1, ...qwen.tokenizer.encode(text, { special: false }), 2]);
  const want = await qwen.engine.classScores(ids);
  for (const [i, { label, probs }] of data.entries()) {
    for (const [k, prob] of probs.entries()) expect(prob).toBeCloseTo(want[i]![k]!, 6);
    expect(label).toBe(probs[0]! >= probs[1]! ? 'yes' : 'no');
  }
});

test.each([BERT, TINY_ENCODER_ID, STORIES_ID])('%s has no names of classes', async (model) => {
  const refused = await refusal({ model, input: 'the sea' });
  expect(refused).toMatchObject({ status: 400, code: 'E_MODEL_KIND', param: 'model' });
  for (const part of [model, OWN, '/v1/tasks/classify']) expect(refused.message).toContain(part);
});

test('an unknown model is not found', async () => {
  const refused = await refusal({ model: 'nope', input: 'the sea' });
  expect(refused).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
});

describe('without a model', () => {
  const kind = 'Thank you, that was a lovely dinner.';
  const rude = 'shut up you stupid bitch';

  test('texts are judged as /v1/moderations judges them; one that is neither has no label', async () => {
    const answer = await classify({ input: [kind, rude] });
    type Moderation = { results: { category_scores: { hate: number; offensive: number } }[] };
    const asked = await server.post('/v1/moderations', { input: [kind, rude] });
    const { results } = await asked.json<Moderation>();
    expect(answer.model).toBe(OWN);
    expect(answer.data.map(({ probs }) => probs)).toEqual(
      results.map(({ category_scores: scores }) => [scores.hate, scores.offensive]),
    );
    expect(answer.data.map(({ label }) => label)).toEqual([null, 'offensive']);
    expect(answer.data[0]!.num_classes).toBe(2);
    expect(await classify({ model: OWN, input: [kind, rude] })).toMatchObject({
      data: answer.data,
    });
  });

  test('its bounds are named', async () => {
    const ids = await refusal({ input: [2, 5, 3] });
    expect(ids).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID', param: 'input' });
    const much = await refusal({ input: ['x'.repeat(60_000), 'y'.repeat(50_000)] });
    expect(much).toMatchObject({ status: 400, code: 'E_REQUEST_INVALID', param: 'input' });
    expect(much.message).toContain('100000');
  });
});
