/** What the server tells of itself: metrics, one log line a request, usage, times and costs. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { sseData, startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';

let server: TestServer;
const log: string[] = [];
beforeAll(async () => {
  // Miniflare tells of every request, too.
  vi.spyOn(console, 'log').mockReturnValue(undefined);
  // own server: its log is read, and its metrics are counted.
  server = await startTestServer({ onLog: (line) => log.push(line) });
});
afterAll(() => server.close());

const SECRET = 'the hedgehog is called Ophelia';
const messages = [{ role: 'user', content: SECRET }];
const body = { messages, max_tokens: 8, temperature: 0 };

interface Line {
  event: string;
  endpoint: string;
  status: number;
  error: string | null;
  model: string | null;
  completion_tokens: number;
  ms: number;
}

/** The log lines of requests to `endpoint` so far. */
function linesOf(endpoint: string): Line[] {
  return log
    .filter((line) => line.includes('"event":"request"'))
    .map((line) => JSON.parse(line.slice(line.indexOf('{'))) as Line)
    .filter((line) => line.endpoint === endpoint);
}

/** The value of a sample whose labels hold all of `labels`, or null. */
async function metric(name: string, labels: readonly string[]): Promise<number | null> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  const line = text
    .split('\n')
    .find((one) => one.startsWith(`${name}{`) && labels.every((label) => one.includes(label)));
  return line === undefined ? null : Number(line.split(' ').at(-1));
}

test('one line a request, whole, streamed, in a session, stored or failed, without its text', async () => {
  await (await server.post('/v1/chat/completions', body)).text();
  await Array.fromAsync(
    sseData(await server.post('/v1/chat/completions', { ...body, stream: true })),
  );
  await (await server.post('/v1/chat/completions', { ...body, session: 'observed' })).text();
  await (await server.post('/v1/chat/completions', { ...body, model: 'nope' })).text();
  await (await server.post('/v1/responses', { input: SECRET, max_output_tokens: 8 })).text();
  await expect.poll(() => linesOf('createResponse').length).toBe(1);
  await expect.poll(() => linesOf('chatCompletions').length).toBe(4);
  const [whole, streamed, session, failed] = linesOf('chatCompletions');
  for (const line of [whole, streamed, session]) {
    expect(line).toMatchObject({ status: 200, error: null, model: STORIES_ID });
    expect(line?.completion_tokens).toBe(8);
  }
  expect(failed).toMatchObject({ status: 404, error: 'E_MODEL_NOT_FOUND', completion_tokens: 0 });
  expect(log.join('\n')).not.toContain('hedgehog');
});

test('metrics count requests, tokens and durations', async () => {
  const ask = async () => await (await server.post('/v1/completions', { prompt: SECRET })).text();
  const done = ['endpoint="completions"', 'status="200"'];
  const tokens = [`model="${STORIES_ID}"`, 'kind="completion"'];
  await ask();
  const before = (await metric('thimble_tokens_total', tokens)) ?? 0;
  await ask();
  await server.post('/v1/completions', { prompt: 5 });
  expect(await metric('thimble_requests_total', done)).toBe(2);
  expect(await metric('thimble_requests_total', ['completions', 'status="400"'])).toBe(1);
  expect(await metric('thimble_tokens_total', tokens)).toBe(before + 16);
  const count = 'thimble_request_duration_seconds_count';
  expect(await metric(count, ['endpoint="completions"'])).toBe(3);
  const last = ['endpoint="completions"', 'le="+Inf"'];
  expect(await metric('thimble_request_duration_seconds_bucket', last)).toBe(3);
  // Only the one that asks.
  expect(await metric('thimble_requests_in_flight', [])).toBe(1);
});

test('a stream is in flight until its end, or until its client leaves', async () => {
  const events = sseData(
    await server.post('/v1/completions', { prompt: 'Once', max_tokens: 400, stream: true }),
  );
  await events.next();
  expect(await metric('thimble_requests_in_flight', [])).toBe(2);
  await events.return();
  await expect.poll(async () => await metric('thimble_requests_in_flight', [])).toBe(1);
});

test('every line is what Prometheus reads', async () => {
  const response = await fetch(`${server.url}/metrics`);
  expect(response.headers.get('content-type')).toContain('version=0.0.4');
  const lines = (await response.text()).trimEnd().split('\n');
  const sample = /^[a-z_]+\{([a-z_]+="[^"\\]*",?)+\} [0-9.e+-]+$/;
  expect(
    lines.filter((line) => !/^# (HELP|TYPE) [a-z_]+ /.test(line) && !sample.test(line)),
  ).toEqual([]);
});

test('answers say what was read and what it costs', async () => {
  const ask = async (fields: object) => {
    const response = await server.post('/v1/completions', {
      ...{ prompt: 'Once upon a time', temperature: 0, speculation: 'off' },
      ...fields,
    });
    return (
      await response.json<{
        resources: { weight_bytes_read: number; estimated_usd: number };
        timings: Record<string, number>;
      }>()
    ).resources;
  };
  const models = await fetch(`${server.url}/v1/models/${STORIES_ID}`);
  const { thimble } = await models.json<{ thimble: { memory: { weight_bytes: number } } }>();
  const weights = thimble.memory.weight_bytes;
  // The prompt's pass gives the first token, each further one is a pass of its own.
  expect((await ask({ max_tokens: 1 })).weight_bytes_read).toBe(weights);
  const ten = await ask({ max_tokens: 10 });
  expect(ten.weight_bytes_read).toBe(10 * weights);
  expect((await ask({ max_tokens: 10, n: 2 })).weight_bytes_read).toBe(20 * weights);
  // A request and an object's request at least; a tenth of a cent at most.
  expect(ten.estimated_usd).toBeGreaterThanOrEqual(0.00000045);
  expect(ten.estimated_usd).toBeLessThan(0.001);
});
