/** Names of hosted models mean the default ones, unless a deployment says otherwise; paths go without a version. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

const messages = [{ role: 'user', content: 'Once upon a time' }];

async function asked(path: string, body: unknown): Promise<{ model: string; status: number }> {
  const response = await server.post(path, body);
  return { status: response.status, ...(await response.json<{ model: string }>()) };
}

test.each(['gpt-4o', 'gpt-4o-mini', 'gpt-5', 'chatgpt-4o-latest', 'o3-mini', 'claude-sonnet-4-5'])(
  '%s is the default model, and the answer says which that is',
  async (model) => {
    const chat = { model, messages, max_tokens: 1 };
    expect(await asked('/v1/chat/completions', chat)).toMatchObject({ model: STORIES_ID });
    expect(await asked('/v1/messages', chat)).toMatchObject({ model: STORIES_ID });
    const response = { model, input: 'Once', max_output_tokens: 1 };
    expect(await asked('/v1/responses', response)).toMatchObject({ model: STORIES_ID });
    const streamed = await server.post('/v1/chat/completions', { ...chat, stream: true });
    expect(await streamed.text()).toContain(`"model":"${STORIES_ID}"`);
  },
);

test('names of embedding models take texts, and refuse ids of their own tokenizer', async () => {
  const model = 'text-embedding-3-small';
  expect(await asked('/v1/embeddings', { model, input: 'a' })).toMatchObject({
    model: TINY_ENCODER_ID,
  });
  for (const input of [[1, 2], [[1, 2]]]) {
    const response = await server.post('/v1/embeddings', { model, input });
    expect(response.status).toBe(400);
    const { error } = await response.json<{ error: { param: string; message: string } }>();
    expect(error.param).toBe('input');
    expect(error.message).toContain(model);
  }
});

test('a name is of its own kind of request, and others stay unknown', async () => {
  const chat = { messages, max_tokens: 1 };
  for (const model of ['text-embedding-3-small', 'whisper-1', 'gpt', 'my-gpt-4o', 'llama-3'])
    expect((await asked('/v1/chat/completions', { ...chat, model })).status).toBe(404);
  expect((await asked('/v1/embeddings', { model: 'gpt-4o', input: 'a' })).status).toBe(404);
});

test('a deployment can turn the names off', async () => {
  // own server: a variable of its own.
  const strict = await startTestServer({ vars: { MODEL_ALIASES: 'off' } });
  try {
    const body = { model: 'gpt-4o', messages, max_tokens: 1 };
    expect((await strict.post('/v1/chat/completions', body)).status).toBe(404);
  } finally {
    await strict.close();
  }
});

test('paths go without the version', async () => {
  const chat = { messages, max_tokens: 1 };
  expect(await asked('/chat/completions', chat)).toMatchObject({ model: STORIES_ID });
  expect((await fetch(`${server.url}/models/${STORIES_ID}`)).status).toBe(200);
  expect((await fetch(`${server.url}/chat/completions/nothing`)).status).toBe(404);
  expect((await fetch(`${server.url}/embeddings`)).status).toBe(405);
});
