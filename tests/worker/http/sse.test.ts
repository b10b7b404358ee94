/** The stream of events: headers only after the first chunk, errors, leaving, stalling. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { KEEP_ALIVE_MS } from '../../../worker/http/kept-alive.ts';
import { RequestRecord } from '../../../worker/http/observe/record.ts';
import { MAX_STALL_MS, OPENAI_SSE, sseResponse } from '../../../worker/http/sse.ts';

const record = () => new RequestRecord('POST', 'test');

// The log's line of each request.
beforeEach(() => void vi.spyOn(console, 'log').mockReturnValue(undefined));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function counting(nChunk: number, failure?: Error) {
  const state = { made: 0, left: 0, ended: 0 };
  async function* chunks(): AsyncGenerator<unknown, void, void> {
    try {
      for (let i = 0; i < nChunk; i++) {
        await Promise.resolve();
        state.made++;
        yield { i };
      }
      if (failure) throw failure;
    } finally {
      state.left++;
    }
  }
  return { state, chunks: chunks(), onEnd: () => void state.ended++ };
}

test('chunks, then [DONE]', async () => {
  const { state, chunks, onEnd } = counting(2);
  const text = await (await sseResponse(chunks, OPENAI_SSE, record(), onEnd)).text();
  expect(text).toBe('data: {"i":0}\n\ndata: {"i":1}\n\ndata: [DONE]\n\n');
  expect(state).toEqual({ made: 2, left: 1, ended: 1 });
});

test('an error before the first chunk is thrown, with no response yet', async () => {
  const { state, chunks, onEnd } = counting(0, new EngineError('E_BUSY', 'full.'));
  await expect(sseResponse(chunks, OPENAI_SSE, record(), onEnd)).rejects.toMatchObject({
    code: 'E_BUSY',
  });
  expect(state.ended).toBe(1);
});

test('a later error is the last event, without [DONE]', async () => {
  const { state, chunks, onEnd } = counting(1, new EngineError('E_KV_FULL', 'full.'));
  const text = await (await sseResponse(chunks, OPENAI_SSE, record(), onEnd)).text();
  const events = text.trimEnd().split('\n\n');
  expect(events).toHaveLength(2);
  expect(JSON.parse(events[1]?.slice(6) ?? '')).toMatchObject({
    error: { code: 'E_KV_FULL', type: 'api_error', message: 'full.' },
  });
  expect(state.ended).toBe(1);
});

test('a reader that leaves ends the chunks', async () => {
  const { state, chunks, onEnd } = counting(1_000_000);
  const reader = (await sseResponse(chunks, OPENAI_SSE, record(), onEnd)).body?.getReader();
  await reader?.read();
  await reader?.cancel();
  expect(state).toMatchObject({ left: 1, ended: 1 });
  expect(state.made).toBeLessThanOrEqual(3);
});

test('a reader that reads nothing for too long is given up', async () => {
  vi.useFakeTimers();
  const { state, chunks, onEnd } = counting(1_000_000);
  const reader = (await sseResponse(chunks, OPENAI_SSE, record(), onEnd)).body?.getReader();
  await reader?.read();
  await vi.advanceTimersByTimeAsync(MAX_STALL_MS - 1);
  expect(state.ended).toBe(0);
  await vi.advanceTimersByTimeAsync(2);
  expect(state).toMatchObject({ left: 1, ended: 1 });
  await expect(reader?.read()).rejects.toThrow('stopped reading');
});

test('a client whose chunks wait is asked at once, and again, whether it is there', async () => {
  vi.useFakeTimers();
  const begin = Promise.withResolvers<void>();
  async function* chunks(): AsyncGenerator<unknown, void, void> {
    await begin.promise;
    yield { i: 0 };
  }
  const state = { ended: 0 };
  const onEnd = () => void state.ended++;
  const response = await sseResponse(chunks(), OPENAI_SSE, record(), onEnd, Promise.resolve());
  const text = response.text();
  await vi.advanceTimersByTimeAsync(2 * KEEP_ALIVE_MS + 1);
  begin.resolve();
  expect(await text).toBe(`${': waiting\n\n'.repeat(3)}data: {"i":0}\n\ndata: [DONE]\n\n`);
  expect(state.ended).toBe(1);
});

test('a failure while chunks wait is an event', async () => {
  async function* chunks(): AsyncGenerator<unknown, void, void> {
    await new Promise((resolve) => setTimeout(resolve));
    yield* [];
    throw new EngineError('E_BACKEND_UNAVAILABLE', 'gone.');
  }
  const { onEnd } = counting(0);
  const response = await sseResponse(chunks(), OPENAI_SSE, record(), onEnd, Promise.resolve());
  expect(await response.text()).toMatch(/^: waiting\n\ndata: .*E_BACKEND_UNAVAILABLE/);
});
