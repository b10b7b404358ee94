/** The stream of one generation: lines, errors, cancelling, and a reader that does not read. */
import { expect, test } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { type GenerateEvent } from '../../../engine/generate/types.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { generationStream } from '../../../worker/stage/generation-stream.ts';

const request = {
  prompt: tokenPrompt([1]),
  maxTokens: 5,
  sampling: { ...DEFAULT_SAMPLING },
  stopTokens: [],
  topLogprobs: null,
  promptLogprobs: false,
};

/** An engine that counts: `made` events so far, `ended` when the generator was left. */
function countingEngine(nToken: number, failure?: Error) {
  const state = { made: 0, ended: 0, released: 0, aborted: false };
  async function* generate(
    _request: unknown,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    signal.addEventListener('abort', () => (state.aborted = true));
    try {
      for (let token = 0; token < nToken; token++) {
        await Promise.resolve();
        state.made++;
        yield { type: 'token', token, logprob: null };
      }
      if (failure) throw failure;
    } finally {
      state.ended++;
    }
  }
  const acquire = () =>
    Promise.resolve({ engine: { generate }, release: () => void state.released++ });
  return { state, acquire };
}

async function lines(stream: ReadableStream<Uint8Array>): Promise<unknown[]> {
  const text = await new Response(stream).text();
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

test('gives every event as a line and lets go of the engine', async () => {
  const { state, acquire } = countingEngine(5);
  expect(await lines(generationStream(acquire, request))).toHaveLength(5);
  expect(state).toMatchObject({ made: 5, ended: 1, released: 1 });
});

test('an error is the last line, with its code', async () => {
  const failure = new EngineError('E_KV_FULL', 'cache: full.', { details: { nPage: 3 } });
  const { state, acquire } = countingEngine(2, failure);
  const all = await lines(generationStream(acquire, request));
  expect(all).toHaveLength(3);
  expect(all[2]).toMatchObject({
    type: 'error',
    error: { code: 'E_KV_FULL', details: { nPage: 3 } },
  });
  expect(state.released).toBe(1);
});

test('an engine that cannot be had is an error line, too', async () => {
  const acquire = () => Promise.reject(new EngineError('E_BUSY', 'memory: full.'));
  expect(await lines(generationStream(acquire, request))).toEqual([
    {
      type: 'error',
      error: { code: 'E_BUSY', message: 'memory: full.', param: null, details: {} },
    },
  ]);
});

test('cancelling ends the generation and lets go of the engine', async () => {
  const { state, acquire } = countingEngine(1_000_000);
  const reader = generationStream(acquire, request).getReader();
  for (let i = 0; i < 3; i++) await reader.read();
  await reader.cancel();
  expect(state).toMatchObject({ ended: 1, released: 1, aborted: true });
  expect(state.made).toBeLessThanOrEqual(4);
});

test('nothing is made that nobody reads', async () => {
  const { state, acquire } = countingEngine(1_000_000);
  const reader = generationStream(acquire, request).getReader();
  await reader.read();
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(state.made).toBeLessThanOrEqual(2);
  await reader.cancel();
});
