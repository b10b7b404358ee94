/** Two models and room for one: idle engines make way, busy ones do not. */
import { readFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { pushModel } from '../../scripts/push/push.ts';
import { manifestKey } from '../../worker/platform/model-keys.ts';
import { sseData, startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { STORIES_FILE } from '../support/models.ts';

/** One engine of stories260K takes 2 MB and the JavaScript heap's share; two do not fit. */
const MEMORY_BUDGET_BYTES = String(JS_HEAP_BYTES + 3_000_000);
const OTHER_ID = 'other';

let server: TestServer;

beforeAll(async () => {
  // own server: it has a budget of its own, and models come and go.
  server = await startTestServer({ vars: { MEMORY_BUDGET_BYTES } });
  const { modelsRoot, bucket } = server;
  await importModel({ input: STORIES_FILE, id: OTHER_ID, outRoot: modelsRoot });
  await pushModel(OTHER_ID, { bucket, modelsRoot });
});
afterAll(() => server.close());

const ask = (model: string, more: object = {}) =>
  server.post('/v1/completions', {
    ...{ model, prompt: 'Once upon a time', temperature: 0, max_tokens: 4 },
    ...more,
  });

test('an idle model makes way for another, and comes back', async () => {
  const texts: string[] = [];
  for (const model of [STORIES_ID, OTHER_ID, STORIES_ID]) {
    const response = await ask(model);
    expect(response.status).toBe(200);
    const answer = await response.json<{ model: string; choices: { text: string }[] }>();
    expect(answer.model).toBe(model);
    texts.push(answer.choices[0]?.text ?? '');
  }
  expect(new Set(texts).size).toBe(1);
});

test('a model in use stays: the other is told to come back', async () => {
  // Far more than fits the buffers on the way: it cannot end before it is read.
  const prompt = Array<string>(64).fill('Once upon a time');
  const stream = await ask(STORIES_ID, { prompt, stream: true, max_tokens: 500, logprobs: 20 });
  const events = sseData(stream);
  expect((await events.next()).done).toBe(false);
  const busy = await ask(OTHER_ID);
  const { error } = await busy.json<{ error: { code: string; message: string } }>();
  expect([busy.status, error.code]).toEqual([503, 'E_BUSY']);
  expect(busy.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(error.message).toContain(STORIES_ID);
  await events.return();
  await expect.poll(async () => (await ask(OTHER_ID)).status).toBe(200);
});

test('models are listed, the default first, and one whose manifest goes is gone', async () => {
  const ids = async () => {
    const list = await (
      await fetch(`${server.url}/v1/models`)
    ).json<{
      data: { id: string }[];
    }>();
    return list.data.map(({ id }) => id);
  };
  expect(await ids()).toEqual([STORIES_ID, OTHER_ID]);
  const key = manifestKey(OTHER_ID);
  await server.bucket.delete(key);
  expect(await ids()).toEqual([STORIES_ID]);
  const bytes = await readFile(join(server.modelsRoot, OTHER_ID, 'manifest.json'));
  await server.bucket.put(key, bytes, createHash('sha256').update(bytes).digest('hex'));
  expect(await ids()).toEqual([STORIES_ID, OTHER_ID]);
});
