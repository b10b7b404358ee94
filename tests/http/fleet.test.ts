/** A model over several isolates in workerd: the same answers as from one, whatever fails meanwhile. */
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bundleText } from '../support/bundle.ts';
import { shareTestServer, sseData, startTestServer, STORIES_ID } from '../support/http-server.ts';
import type { SharedServer, TestServer } from '../support/http-server.ts';
import { placeByHand } from '../support/placed-by-hand.ts';

/** THIMBLE_STAGE_FAILURES=200 goes on until stages have failed so often. */

interface Answer {
  readonly choices: readonly { readonly text: string; readonly logprobs: unknown }[];
}

const REQUESTS = [
  { prompt: 'Once upon a time', temperature: 0, max_tokens: 120 },
  { prompt: 'Lily had a', temperature: 0.9, seed: 5, max_tokens: 90 },
  { prompt: 'The dog', temperature: 1, seed: 6, max_tokens: 60, frequency_penalty: 0.5 },
  { prompt: 'Tom saw', temperature: 0, max_tokens: 30, logprobs: 3, echo: true },
  { prompt: 'Say', temperature: 0, max_tokens: 40, regex: '[a-z ]{5,30}\\.' },
] as const;

async function answers(server: SharedServer): Promise<unknown[]> {
  return await Promise.all(
    REQUESTS.map(async (body) => {
      const response = await server.post('/v1/completions', { model: STORIES_ID, ...body });
      expect(response.status).toBe(200);
      const { choices } = await response.json<Answer>();
      return choices.map(({ text, logprobs }) => ({ text, logprobs }));
    }),
  );
}

let whole: SharedServer;
let expected: unknown[];
beforeAll(async () => {
  whole = await shareTestServer();
  expected = await answers(whole);
});
afterAll(() => whole.close());

describe('three isolates', () => {
  let server: TestServer;
  beforeAll(async () => {
    // own server: its model is placed by hand.
    server = await startTestServer({ prepare: placeByHand });
  });
  afterAll(() => server.close());

  test('answer as one does: greedy, sampled, penalized, with log-probabilities, held to a grammar', async () => {
    expect(await answers(server)).toEqual(expected);
  });

  test('reuse what a session has in the cache', async () => {
    const say = async () => {
      const response = await server.post('/v1/completions', {
        ...{ model: STORIES_ID, prompt: 'Once upon a time there was a', temperature: 0 },
        max_tokens: 8,
      });
      const { usage } = await response.json<{
        usage: { prompt_tokens_details: { cached_tokens: number } };
      }>();
      return usage.prompt_tokens_details.cached_tokens;
    };
    await say();
    expect(await say()).toBeGreaterThan(4);
  });

  test('are free again when a client leaves', async () => {
    const response = await server.post('/v1/completions', {
      ...{ model: STORIES_ID, prompt: 'Once', max_tokens: 400, stream: true },
    });
    const events = sseData(response);
    await events.next();
    await events.return();
    const running = async () => {
      const ready = await fetch(`${server.url}/readyz`);
      return (await ready.json<{ running: number }>()).running;
    };
    await expect.poll(running).toBe(0);
  });
});

describe.each([
  ['a stage fails', 10, { PIECE_FAILS_AFTER: '17', LEADER_FAILS_AFTER: '0' }],
  ['a leader fails', 1, { PIECE_FAILS_AFTER: '0', LEADER_FAILS_AFTER: '250' }],
])('%s', (failure, nLeast, vars) => {
  test('and no token is lost or wrong', { timeout: 600_000 }, async () => {
    let nFailure = 0;
    // own server: its stages fail.
    const server = await startTestServer({
      prepare: placeByHand,
      onLog: (line) => void (nFailure += Number(line.includes(failure))),
      sources: { stage: failingStage(await bundleText('tests/support/failing-stage.ts'), vars) },
    });
    try {
      do expect(await answers(server)).toEqual(expected);
      while (nFailure < Number(process.env['THIMBLE_STAGE_FAILURES'] ?? nLeast));
    } finally {
      await server.close();
    }
  });
});

test('a stage that stays away is 503, says when to come back, and is named where readiness is asked', async () => {
  const vars = { PIECE_FAILS_AFTER: '1', LEADER_FAILS_AFTER: '0' };
  // own server: its stages fail whenever they are asked.
  const server = await startTestServer({
    prepare: placeByHand,
    sources: { stage: failingStage(await bundleText('tests/support/failing-stage.ts'), vars) },
  });
  try {
    const ask = () => server.post('/v1/completions', { model: STORIES_ID, prompt: 'Once' });
    for (const response of [await ask(), await fetch(`${server.url}/readyz`)]) {
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
      const { error } = await response.json<{ error: { code: string; message: string } }>();
      expect(error.code).toBe('E_STAGE_LOST');
      expect(error.message).toMatch(/^stage stage-[23]: /);
    }
  } finally {
    await server.close();
  }
});

/** Variables that the scripts do not declare are written into the bundle. */
function failingStage(bundle: string, vars: Readonly<Record<string, string>>): string {
  return Object.entries(vars).reduce(
    (text, [name, value]) =>
      text.replaceAll(new RegExp(`(this\\.#\\w+)\\.${name}`, 'g'), JSON.stringify(value)),
    bundle,
  );
}

test('two copies answer alike, and share the work', async () => {
  // own server: its model is placed twice.
  const server = await startTestServer({ prepare: (bucket) => placeByHand(bucket, 2) });
  try {
    expect(await answers(server)).toEqual(expected);
  } finally {
    await server.close();
  }
});
