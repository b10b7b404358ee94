/** Clients that leave while a whole answer is made: the work ends, and what it would have stored is not there. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';

let server: TestServer;

beforeAll(async () => {
  // own server: its requests in flight are counted.
  server = await startTestServer({ models: [TINY_ENCODER_ID] });
});
afterAll(() => server.close());

/** Requests in flight, without the one that asks. */
async function inFlight(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^thimble_requests_in_flight\S* (\d+)$/m.exec(text)?.[1]) - 1;
}

/** Sends a request and leaves when its answer has begun, which is said by a line break. */
async function leave(path: string, body: object): Promise<void> {
  const abort = new AbortController();
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: abort.signal,
  });
  expect(response.status).toBe(200);
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  expect(new TextDecoder().decode(value)).toBe('\n');
  expect(await inFlight()).toBe(1);
  abort.abort();
  await expect.poll(inFlight, { timeout: 20_000 }).toBe(0);
}

const SENTENCE = 'the sea is blue and the cat sat on the warm mat with bread. ';

test('documents that are embedded are not stored', async () => {
  await server.post('/v1/collections', { name: 'left', chunk_tokens: 32 });
  const content = SENTENCE.repeat(15_000);
  await leave('/v1/collections/left/documents', { documents: [{ id: 'long', content }] });
  const { documents } = await (
    await fetch(`${server.url}/v1/collections/left`)
  ).json<{ documents: number }>();
  expect(documents).toBe(0);
});

test('a task over a long text ends', async () => {
  await leave('/v1/tasks/summarize', { text: SENTENCE.repeat(1_000), model: STORIES_ID });
});
