/** Long answers that are not streamed: line breaks until they are there, and clients that leave are noticed. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { KEEP_ALIVE_MS, longResponse } from '../../../worker/http/kept-alive.ts';
import { RequestRecord } from '../../../worker/http/observe/record.ts';

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(console, 'log').mockReturnValue(undefined);
  vi.spyOn(console, 'error').mockReturnValue(undefined);
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function longAnswer() {
  const made = Promise.withResolvers<Response>();
  const begun = Promise.withResolvers<void>();
  const state = { ended: 0 };
  const response = longResponse({
    made: made.promise,
    begun: begun.promise,
    record: new RequestRecord('POST', 'test'),
    onEnd: () => void state.ended++,
  });
  return { made, begun, state, response };
}

test('an answer that comes in time is sent whole', async () => {
  const { made, begun, state, response } = longAnswer();
  begun.resolve();
  await vi.advanceTimersByTimeAsync(KEEP_ALIVE_MS - 1);
  made.resolve(Response.json({ a: 1 }));
  expect(await (await response).text()).toBe('{"a":1}');
  expect(state.ended).toBe(1);
});

test('what has not begun is waited for, and its refusal has its own status', async () => {
  const { made, response } = longAnswer();
  const refused = expect(response).rejects.toMatchObject({ code: 'E_BUSY' });
  await vi.advanceTimersByTimeAsync(100 * KEEP_ALIVE_MS);
  made.reject(new EngineError('E_BUSY', 'busy'));
  await refused;
});

test('a later answer comes after line breaks', async () => {
  const { made, begun, state, response } = longAnswer();
  begun.resolve();
  await vi.advanceTimersByTimeAsync(KEEP_ALIVE_MS);
  const { headers, body } = await response;
  expect(headers.get('content-type')).toBe('application/json');
  const text = new Response(body).text();
  await vi.advanceTimersByTimeAsync(2 * KEEP_ALIVE_MS);
  expect(state.ended).toBe(0);
  made.resolve(Response.json({ a: 1 }));
  expect(await text).toMatch(/^\n{2,3}\{"a":1\}$/);
  expect(JSON.parse(await text)).toEqual({ a: 1 });
  expect(state.ended).toBe(1);
});

test('a client that leaves ends it', async () => {
  const { begun, state, response } = longAnswer();
  begun.resolve();
  await vi.advanceTimersByTimeAsync(KEEP_ALIVE_MS);
  await (await response).body?.cancel();
  expect(state.ended).toBe(1);
});

test('a failure after the status breaks the connection off', async () => {
  const { made, begun, state, response } = longAnswer();
  begun.resolve();
  await vi.advanceTimersByTimeAsync(KEEP_ALIVE_MS);
  const text = (await response).text();
  const failed = expect(text).rejects.toThrow('gone');
  made.reject(new EngineError('E_BACKEND_UNAVAILABLE', 'gone'));
  await failed;
  expect(state.ended).toBe(1);
});

test('a client whose answer waits for its turn is asked at once', async () => {
  const made = Promise.withResolvers<Response>();
  const state = { ended: 0 };
  const response = await longResponse({
    made: made.promise,
    begun: new Promise(() => undefined),
    waits: Promise.resolve(),
    record: new RequestRecord('POST', 'test'),
    onEnd: () => void state.ended++,
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  expect((await reader.read()).value).toEqual(Uint8Array.of(10));
  await reader.cancel();
  expect(state.ended).toBe(1);
});
