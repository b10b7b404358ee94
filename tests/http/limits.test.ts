/** Limits of keys and of a deployment: reserved before, settled after, kept over restarts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WINDOW_MESSAGES } from '../../worker/apis/websocket/connection.ts';
import { durationText } from '../../worker/http/rate-headers.ts';
import { sseData, startTestServer, type TestServer } from '../support/http-server.ts';
import { askWith, bearer, makeKey } from '../support/keys.ts';
import type { AskWith } from '../support/keys.ts';
import type { KeyOptions } from '../../scripts/push/keys.ts';

type LimitOptions = NonNullable<KeyOptions['limits']>;

const PROMPT = 'Once upon a time';
/** What the server reserves around a prompt. */
const MARGIN_TOKENS = 64;

let server: TestServer;

beforeAll(async () => {
  // own server: it asks for keys, and is restarted.
  server = await startTestServer({ vars: { ACCESS: 'keys' } });
});
afterAll(() => server.close());

async function askLimited(limits: LimitOptions, of: TestServer = server): Promise<AskWith> {
  const { key } = await makeKey(of, { limits });
  return askWith(of, key);
}

interface Completion {
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
}

const complete = (ask: AskWith, fields: object = {}) =>
  ask('/v1/completions', { prompt: PROMPT, max_tokens: 8, ignore_eos: true, ...fields });

/** Tokens that an answer has used; 0 for one that was refused. */
async function usedBy(response: Response): Promise<number> {
  if (response.status !== 200) {
    await response.text();
    return 0;
  }
  const { usage } = await response.json<Completion>();
  return usage.prompt_tokens + usage.completion_tokens;
}

const remaining = (response: Response, what: 'requests' | 'tokens') =>
  Number(response.headers.get(`x-ratelimit-remaining-${what}`));

test('durations are written as OpenAI writes them', () => {
  expect([0, 120, 999.2, 1000, 59_500, 360_000, 3_723_000].map(durationText)).toEqual([
    ...['0ms', '120ms', '1000ms', '1s', '1m0s', '6m0s', '1h2m3s'],
  ]);
});

test('requests in a minute: the next is refused, and says when', async () => {
  const ask = await askLimited({ requestsPerMinute: 3 });
  for (const left of [2, 1, 0]) {
    const response = await ask('/v1/models');
    expect([response.status, remaining(response, 'requests')]).toEqual([200, left]);
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('3');
  }
  const refused = await ask('/v1/models');
  expect(refused.status).toBe(429);
  const { error } = await refused.json<{ error: { code: string; type: string } }>();
  expect(error).toMatchObject({ code: 'rate_limit_exceeded', type: 'rate_limit_error' });
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(20);
});

test('bodies that are refused count as requests', async () => {
  const ask = await askLimited({ requestsPerMinute: 2 });
  for (const status of [400, 400, 429])
    expect((await ask('/v1/completions', {})).status).toBe(status);
});

test('tokens are reserved before, and what was not used comes back after', async () => {
  const ask = await askLimited({ tokensPerMinute: 100_000 });
  const first = await complete(ask, { max_tokens: 1000, ignore_eos: false, stop: 'a' });
  const reserved = 100_000 - remaining(first, 'tokens');
  expect(reserved).toBeGreaterThan(300);
  const used = await usedBy(first);
  expect(used).toBeLessThan(reserved);
  // The minute's bucket fills while the test runs, so that only bounds can be known.
  const left = async () => remaining(await ask('/v1/models'), 'tokens');
  await expect.poll(left).toBeGreaterThan(100_000 - reserved);
});

test('a request that can never fit is refused before anything is computed', async () => {
  const ask = await askLimited({ tokensPerMinute: 100 });
  const response = await complete(ask, { max_tokens: 200 });
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBeNull();
  expect(await response.text()).toContain('Send a shorter prompt, or ask for fewer tokens');
  expect((await complete(ask, { max_tokens: 4 })).status).toBe(200);
});

test('generations at the same time are bounded, and a place is free when one ends', async () => {
  const { key } = await makeKey(server, { limits: { concurrency: 2 } });
  const ask = askWith(server, key);
  // What nobody acknowledges waits, and is still running.
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, [
    ...['realtime', `openai-insecure-api-key.${key}`],
  ]);
  await new Promise((resolve) => socket.addEventListener('open', resolve));
  let nMessage = 0;
  socket.addEventListener('message', () => nMessage++);
  const body = { prompt: PROMPT, max_tokens: 400, ignore_eos: true, stream: true };
  for (const id of ['a', 'b'])
    socket.send(JSON.stringify({ type: 'request', id, path: '/v1/completions', body }));
  await expect.poll(() => nMessage).toBe(WINDOW_MESSAGES);
  const third = await complete(ask);
  expect(third.status).toBe(429);
  expect(third.headers.get('retry-after')).toBe('1');
  expect((await ask('/v1/models')).status).toBe(200);
  socket.close();
  await expect.poll(async () => (await complete(ask)).status).toBe(200);
});

test.each([
  ['whole', {}],
  ['streamed', { stream: true }],
])('a budget of a day is not overspent by many requests at a time: %s', async (_name, fields) => {
  const budget = 1000;
  const ask = await askLimited({ tokensPerDay: budget, concurrency: 4 });
  let used = 0;
  let nAnswered = 0;
  const client = async (): Promise<void> => {
    for (let i = 0; i < 12; i++) {
      const response = await complete(ask, { ...fields, stream_options: undefined });
      if (response.status !== 200) {
        expect(response.status).toBe(429);
        await response.text();
        continue;
      }
      nAnswered++;
      // A stream without usage: its prompt and 8 tokens.
      if ('stream' in fields) for await (const _ of sseData(response));
      else used += await usedBy(response);
    }
  };
  await Promise.all(Array.from({ length: 16 }, client));
  expect(nAnswered).toBeGreaterThan(4);
  expect(used).toBeLessThanOrEqual(budget);
  expect(nAnswered * 9).toBeLessThanOrEqual(budget);
  const after = await complete(ask, { max_tokens: 1000 });
  expect(after.status).toBe(429);
  expect(await after.text()).toContain('in a day');
});

test('what a day has used is still used after a restart', async () => {
  const ask = await askLimited({ tokensPerDay: 400 });
  let answered = 0;
  const statuses: number[] = [];
  for (let i = 0; i < 40 && statuses.at(-1) !== 429; i++) {
    const response = await complete(ask, { max_tokens: 20 });
    statuses.push(response.status);
    if (response.status === 200) answered++;
    await response.text();
  }
  expect(answered).toBeGreaterThan(2);
  expect(statuses.at(-1)).toBe(429);
  await server.restart();
  expect((await complete(ask, { max_tokens: 20 })).status).toBe(429);
});

test('a request whose runtime is stopped meanwhile counts in full', async () => {
  const ask = await askLimited({ tokensPerDay: 1000, concurrency: 2 });
  const cut = await complete(ask, { max_tokens: 800, stream: true });
  expect(cut.status).toBe(200);
  await server.restart();
  await cut.body?.cancel().catch(() => undefined);
  const refused = await complete(ask, { max_tokens: 200 });
  expect(refused.status).toBe(429);
  const { error } = await refused.json<{ error: { details: { used: number } } }>();
  expect(error.details.used).toBeGreaterThanOrEqual(512 + MARGIN_TOKENS);
});

test('a client that leaves pays what was reserved', async () => {
  const ask = await askLimited({ tokensPerDay: 1000 });
  const stream = await complete(ask, { max_tokens: 800, stream: true });
  await sseData(stream).next();
  await stream.body?.cancel().catch(() => undefined);
  // Whatever was settled by now: nothing came back.
  await complete(ask, { max_tokens: 1 }).then((response) => response.text());
  const status = async () => (await complete(ask, { max_tokens: 512 })).status;
  expect(await status()).toBe(429);
});

test('an estimated cost of a day is a limit, too', async () => {
  const ask = await askLimited({ usdPerDay: 0.000_05 });
  const statuses: number[] = [];
  for (let i = 0; i < 200 && statuses.at(-1) !== 429; i++) {
    const response = await complete(ask, { max_tokens: 4 });
    await response.text();
    statuses.push(response.status);
  }
  expect(statuses[0]).toBe(200);
  expect(statuses.at(-1)).toBe(429);
});

test('storage is bounded; what is deleted makes room', async () => {
  const { key } = await makeKey(server, { limits: { storageBytes: 1000 } });
  const upload = async (bytes: number) => {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new File(['x'.repeat(bytes)], 'a.jsonl'));
    const options = { method: 'POST', body: form, headers: bearer(key) };
    const response = await fetch(`${server.url}/v1/files`, options);
    const { id } = await response.json<{ id?: string }>();
    return { status: response.status, id };
  };
  const first = await upload(600);
  expect(first.status).toBe(200);
  expect((await upload(600)).status).toBe(429);
  const ask = askWith(server, key);
  const { data } = await (await ask('/v1/files')).json<{ data: unknown[] }>();
  expect(data).toHaveLength(1);
  expect((await ask(`/v1/files/${first.id}`, undefined, 'DELETE')).status).toBe(200);
  expect((await upload(600)).status).toBe(200);
});

test('sessions, stored responses and sockets are settled as other requests', async () => {
  const ask = await askLimited({ tokensPerDay: 2000 });
  const messages = [{ role: 'user', content: 'Hello' }];
  const short = { max_tokens: 300, stop: 'e' };
  for (let i = 0; i < 8; i++) {
    const turns: [string, object][] = [
      ['/v1/chat/completions', { messages, session: `turn${i}`, ...short }],
      ['/v1/responses', { input: 'Hello', max_output_tokens: 8 }],
    ];
    for (const [path, body] of turns) {
      const status = async () => {
        const response = await ask(path, body);
        await response.text();
        return response.status;
      };
      // Without settling, six of these would have used the day.
      await expect.poll(status).toBe(200);
    }
  }
});

test('the cap of a deployment holds for all keys together', async () => {
  const cap = 3000;
  // own server: its cap is small.
  const capped = await startTestServer({
    vars: { ACCESS: 'keys', DEPLOYMENT_TOKENS_PER_DAY: String(cap) },
  });
  try {
    const limits = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
    const asks = await Promise.all(
      Array.from({ length: 4 }, () => askLimited({ ...limits, usdPerDay: null }, capped)),
    );
    let used = 0;
    let nRefused = 0;
    const client = async (ask: AskWith): Promise<void> => {
      for (let i = 0; i < 40; i++) {
        const response = await complete(ask);
        if (response.status === 429) nRefused++;
        used += await usedBy(response);
      }
    };
    await Promise.all(asks.flatMap((ask) => Array.from({ length: 4 }, () => client(ask))));
    expect(used).toBeLessThanOrEqual(cap);
    // All but what keys hold of their slices and cannot use was used.
    expect(used).toBeGreaterThan(cap / 3);
    expect(nRefused).toBeGreaterThan(0);
    await capped.restart();
    expect((await complete(asks[0]!, { max_tokens: 512 })).status).toBe(429);
  } finally {
    await capped.close();
  }
});
