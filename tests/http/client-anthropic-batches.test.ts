/** Batches of messages with Anthropic's own client. */
import Anthropic, { APIError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { messageBatchLineSchema } from '../../worker/apis/messages/batches/schema.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';

type Params = Anthropic.Messages.BatchCreateParams.Request['params'];
type Batch = Anthropic.Messages.MessageBatch;
type Line = Anthropic.Messages.MessageBatchIndividualResponse;

let server: TestServer;
let anthropic: Anthropic;
beforeAll(async () => {
  // own server: its batches are listed.
  server = await startTestServer();
  anthropic = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const greedy: Params = {
  ...{ model: STORIES_ID, max_tokens: 24, temperature: 0 },
  messages: [{ role: 'user', content: 'Once upon a time' }],
};

async function create(requests: Readonly<Record<string, Params>>): Promise<Batch> {
  return await anthropic.messages.batches.create({
    requests: Object.entries(requests).map(([custom_id, params]) => ({ custom_id, params })),
  });
}

async function untilEnded({ id }: Batch): Promise<Batch> {
  const read = async (): Promise<Batch> => await anthropic.messages.batches.retrieve(id);
  await expect
    .poll(async () => (await read()).processing_status, { timeout: 15_000 })
    .toBe('ended');
  return await read();
}

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error: unknown = await promise.catch((caught: unknown) => caught);
  if (error instanceof APIError) return error;
  throw new Error('no failure of the API');
}

const resultsOf = async ({ id }: Batch): Promise<Line[]> =>
  await Array.fromAsync(await anthropic.messages.batches.results(id));

test('answers are those of single requests; a refused request fails alone', async () => {
  const begun = await create({
    ...{ first: greedy, second: { ...greedy, max_tokens: 8 } },
    ...{ refused: { ...greedy, max_tokens: 0 }, unknown: { ...greedy, model: 'no-model' } },
    streamed: { ...greedy, stream: true } as unknown as Params,
  });
  expect(begun).toMatchObject({
    ...{ type: 'message_batch', processing_status: 'in_progress', results_url: null },
    request_counts: { processing: 5, succeeded: 0, errored: 0, canceled: 0, expired: 0 },
  });
  const ended = await untilEnded(begun);
  expect(ended.request_counts).toEqual({
    ...{ processing: 0, succeeded: 2, errored: 3, canceled: 0, expired: 0 },
  });
  expect(ended.results_url).toBe(`${server.url}/v1/messages/batches/${ended.id}/results`);
  const lines = await resultsOf(ended);
  for (const line of lines) messageBatchLineSchema.parse(line);
  const single = await anthropic.messages.create({ ...greedy, stream: false });
  const found = new Map(lines.map(({ custom_id: id, result }) => [id, result]));
  const first = found.get('first');
  if (first?.type !== 'succeeded') throw new Error('the first has no message');
  expect(first.message.content).toEqual(single.content);
  const failures = ['refused', 'unknown', 'streamed'].map((id) => {
    const result = found.get(id);
    return result?.type === 'errored' ? result.error.error : null;
  });
  expect(failures).toEqual([
    expect.objectContaining({ type: 'invalid_request_error', param: 'max_tokens' }),
    expect.objectContaining({ type: 'not_found_error' }),
    expect.objectContaining({
      type: 'invalid_request_error',
      message: expect.stringContaining('line 5: body.stream:') as string,
    }),
  ]);
});

test('a batch that is cancelled keeps its answers and names what was not run', async () => {
  const long = { ...greedy, max_tokens: 480 };
  const begun = await create(
    Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`r${i}`, long])),
  );
  const cancelled = await anthropic.messages.batches.cancel(begun.id);
  expect(cancelled.processing_status).toBe('canceling');
  expect(cancelled.cancel_initiated_at).not.toBeNull();
  const { request_counts: counts, ...ended } = await untilEnded(begun);
  expect(ended.ended_at).not.toBeNull();
  expect(counts.canceled).toBeGreaterThan(0);
  expect(counts.succeeded + counts.errored + counts.canceled).toBe(200);
  const types = (await resultsOf(begun)).map(({ result }) => result.type);
  expect(types.filter((type) => type === 'canceled')).toHaveLength(counts.canceled);
  expect(types).toHaveLength(200);
});

test('batches are listed, and deleted with their files once they have ended', async () => {
  const made: Batch[] = [];
  for (const id of ['a', 'b', 'c']) made.push(await create({ [id]: { ...greedy, max_tokens: 4 } }));
  for (const batch of made) await untilEnded(batch);
  const pages = await Array.fromAsync(anthropic.messages.batches.list({ limit: 2 }));
  const ids = pages.map(({ id }) => id);
  expect(ids.slice(0, 3)).toEqual(made.map(({ id }) => id).toReversed());
  const [batch] = made;
  if (batch === undefined) throw new Error('none was made');
  const nFile = async (): Promise<number> => {
    const listed = await fetch(`${server.url}/v1/files`);
    return (await listed.json<{ data: object[] }>()).data.length;
  };
  const before = await nFile();
  const deleted = await anthropic.messages.batches.delete(batch.id);
  expect(deleted).toEqual({ id: batch.id, type: 'message_batch_deleted' });
  expect(await nFile()).toBe(before - 2);
  const gone = await failure(anthropic.messages.batches.retrieve(batch.id));
  expect([gone.status, gone.requestID]).toEqual([404, expect.stringMatching(/./)]);
});

test('what cannot be a batch is refused by name', async () => {
  const twice = { custom_id: 'a', params: greedy };
  const refusals: (readonly [object, string])[] = [
    [{ requests: [] }, 'requests'],
    [{ requests: [twice, twice] }, 'requests[1].custom_id'],
    [{ requests: [{ custom_id: 'a b', params: greedy }] }, 'requests[0].custom_id'],
    [{ requests: [{ custom_id: 'a' }] }, 'requests[0].params'],
  ];
  for (const [body, param] of refusals) {
    const response = await server.post('/v1/messages/batches', body);
    const { error } = await response.json<{ error: { param: string; type: string } }>();
    expect([response.status, error.type, error.param]).toEqual([
      400,
      'invalid_request_error',
      param,
    ]);
  }
  const running = await create({ a: { ...greedy, max_tokens: 480 } });
  const early = await failure(anthropic.messages.batches.delete(running.id));
  expect([early.status, early.message.includes('/cancel')]).toEqual([400, true]);
  const none = await fetch(`${server.url}/v1/messages/batches/${running.id}/results`);
  expect(none.status).toBe(400);
  await none.body?.cancel();
  await untilEnded(running);
});
