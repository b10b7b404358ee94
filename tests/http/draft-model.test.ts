/** A stage with a draft model: the same texts, counted drafts, and refusals with their numbers. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { pushModel } from '../../scripts/push/push.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { STORIES_FILE } from '../support/models.ts';

const DRAFT_ID = 'small';
const BODY = { prompt: 'Once upon a time', temperature: 0, max_tokens: 60 };

interface Answer {
  readonly choices: { readonly text: string }[];
  readonly error: { readonly code: string; readonly message: string };
}

async function serverWith(vars: Record<string, string>): Promise<TestServer> {
  // own server: it has variables of its own.
  const server = await startTestServer({ vars });
  const { modelsRoot, bucket } = server;
  await importModel({ input: STORIES_FILE, id: DRAFT_ID, preset: 'q4', outRoot: modelsRoot });
  await pushModel(DRAFT_ID, { bucket, modelsRoot });
  return server;
}

async function ask(server: TestServer, model: string, more: object = {}): Promise<Answer> {
  const response = await server.post('/v1/completions', { ...BODY, model, ...more });
  return await response.json<Answer>();
}

describe('a draft model', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await serverWith({ DRAFT_MODEL: DRAFT_ID });
  });
  afterAll(() => server.close());

  test('changes no text', async () => {
    const drafted = await ask(server, STORIES_ID);
    const plain = await ask(server, STORIES_ID, { speculation: 'off' });
    expect(drafted.choices[0]!.text.length).toBeGreaterThan(60);
    expect(drafted.choices[0]!.text).toBe(plain.choices[0]!.text);
  });

  test('answers for itself, too', async () => {
    expect((await ask(server, DRAFT_ID)).choices[0]!.text.length).toBeGreaterThan(60);
  });
});

test('both must fit the budget, else the numbers are told', async () => {
  // stories260K takes 2 MB beside the JavaScript heap, its draft model 0.9.
  const budgetBytes = JS_HEAP_BYTES + 2_100_000;
  const server = await serverWith({
    DRAFT_MODEL: DRAFT_ID,
    MEMORY_BUDGET_BYTES: String(budgetBytes),
  });
  try {
    const { error } = await ask(server, STORIES_ID);
    expect(error.code).toBe('E_MEMORY_BUDGET');
    expect(error.message).toMatch(
      new RegExp(`${STORIES_ID} needs \\d+ bytes and its draft model ${DRAFT_ID} \\d+ more`),
    );
    expect(error.message).toContain(String(budgetBytes));
    // It fits alone.
    expect((await ask(server, DRAFT_ID)).choices[0]!.text).not.toBe('');
  } finally {
    await server.close();
  }
});

test('one that is not in the bucket is named', async () => {
  // own server: it has variables of its own.
  const server = await startTestServer({ vars: { DRAFT_MODEL: 'nowhere' } });
  try {
    const { error } = await ask(server, STORIES_ID);
    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain('"nowhere", which DRAFT_MODEL names');
  } finally {
    await server.close();
  }
});
