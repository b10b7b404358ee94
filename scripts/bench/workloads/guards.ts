/**
 * What keys, limits, watermark and policy cost a warm request: a server with all of them beside one with none, asked in
 * turn. Only differences of neighbouring requests count: what slows the machine down for a while slows both.
 */
import { join } from 'node:path';
import { pushStep, modelsBucketName } from '../../dev/prepare.ts';
import { startServer, waitUntilReady } from '../../dev/server.ts';
import { KeyClient } from '../../lib/key-client.ts';
import { withTemporaryFolder } from '../../lib/temporary-folder.ts';
import { createKey } from '../../push/keys.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { spread } from '../report/statistics.ts';

const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 120_000;
const WARM_UP_REQUESTS = 20;
/** Tokens of an answer whose rate is measured. */
const RATE_TOKENS = 128;
const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };

/** Nobody is asked for a key, nothing is counted, judged or marked. */
const OPEN_VARS = {
  ACCESS: 'local',
  WATERMARK_KEY: '',
  POLICY: JSON.stringify({ version: 1, on_outage: 'open', input: {}, output: {} }),
};
/** As a deployment does by default. The key of the watermark has no meaning. */
const GUARDED_VARS = { ACCESS: 'keys', WATERMARK_KEY: 'a key of the bench: 32 characters' };

export interface GuardsBench {
  readonly model: string;
  readonly requests: number;
  /** Medians of whole requests of one token whose prompt is cached. */
  readonly openMs: number;
  readonly guardedMs: number;
  /** Median of the differences of neighbours, and the interval that holds it with 95 %. */
  readonly addedMs: { readonly median: number; readonly low: number; readonly high: number };
  readonly rounds: number;
  readonly openTokensPerSecond: number;
  readonly guardedTokensPerSecond: number;
  /** Guarded over open, of neighbours, as above. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
}

export async function benchGuards(
  model: string,
  nRequest: number,
  nRound: number,
  note: (text: string) => void,
): Promise<GuardsBench> {
  return await withTemporaryFolder('guards', async (root) => {
    const open = await startParty(model, join(root, 'open'), OPEN_VARS);
    const guarded = await startParty(model, join(root, 'guarded'), GUARDED_VARS);
    try {
      note('warming up');
      for (const { client } of [open, guarded])
        for (let i = 0; i < WARM_UP_REQUESTS; i++) await timeOf(client, model, 1);
      note(`${nRequest} requests of one token to each`);
      const times = await inTurn(nRequest, open.client, guarded.client, (client) =>
        timeOf(client, model, 1),
      );
      note(`${nRound} answers of ${RATE_TOKENS} tokens from each`);
      const rates = await inTurn(nRound, open.client, guarded.client, (client) =>
        rateOf(client, model),
      );
      return {
        ...{ model, requests: nRequest, rounds: nRound },
        openMs: spread(times.map(([first]) => first)).median,
        guardedMs: spread(times.map(([, second]) => second)).median,
        addedMs: medianInterval(times.map(([first, second]) => second - first)),
        openTokensPerSecond: spread(rates.map(([first]) => first)).median,
        guardedTokensPerSecond: spread(rates.map(([, second]) => second)).median,
        ratio: medianInterval(rates.map(([first, second]) => second / first)),
      };
    } finally {
      await open.close();
      await guarded.close();
    }
  });
}

interface Party {
  readonly client: KeyClient;
  close(): Promise<void>;
}

async function startParty(
  model: string,
  persist: string,
  vars: Readonly<Record<string, string>>,
): Promise<Party> {
  await pushStep(model, persist);
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  const about = { name: 'bench', scopes: ['chat'] as const, models: null, expiresAt: null };
  const { key } = await createKey(bucket, { ...about, limits: UNLIMITED }).finally(() =>
    bucket.close(),
  );
  const server = await startServer({
    ...{ port: 0, host: HOST, persist, vars: { DEFAULT_MODEL: model, ...vars } },
  });
  await waitUntilReady(server.url, READY_TIMEOUT_MS);
  return { client: new KeyClient(server.url, key), close: () => server.close() };
}

/** Pairs of measurements; who is first changes with each pair. */
async function inTurn(
  n: number,
  open: KeyClient,
  guarded: KeyClient,
  measure: (client: KeyClient) => Promise<number>,
): Promise<[number, number][]> {
  const pairs: [number, number][] = [];
  for (let i = 0; i < n; i++) {
    if (i % 2 === 0) pairs.push([await measure(open), await measure(guarded)]);
    else {
      const second = await measure(guarded);
      pairs.push([await measure(open), second]);
    }
  }
  return pairs;
}

async function timeOf(client: KeyClient, model: string, max_tokens: number): Promise<number> {
  const messages = [{ role: 'user', content: 'What is the capital of France?' }];
  const startedAt = performance.now();
  const { status, text } = await client.ask('/v1/chat/completions', {
    ...{ model, messages, max_tokens, temperature: 1 },
  });
  if (status !== 200) throw new Error(`bench: ${status} ${text}`);
  return performance.now() - startedAt;
}

/** Tokens a second of a stream, from its first token to its last. */
async function rateOf(client: KeyClient, model: string): Promise<number> {
  const at: number[] = [];
  const body = { model, prompt: 'Once upon a time', max_tokens: RATE_TOKENS, temperature: 1 };
  const { status, text } = await client.ask(
    '/v1/completions',
    { ...body, seed: 1, ignore_eos: true, stream: true },
    'POST',
    () => at.push(performance.now()),
  );
  if (status !== 200) throw new Error(`bench: ${status} ${text}`);
  return ((RATE_TOKENS - 1) * 1000) / (at.at(-1) - at[0]!);
}

/** The median, and the order statistics that enclose it with 95 % (normal approximation of the sign test). */
export function medianInterval(values: readonly number[]): GuardsBench['addedMs'] {
  const sorted = values.toSorted((a, b) => a - b);
  const half = 0.98 * Math.sqrt(sorted.length);
  const at = (index: number): number =>
    sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(index)))]!;
  const middle = (sorted.length - 1) / 2;
  return { median: spread(values).median, low: at(middle - half), high: at(middle + half) };
}

export function describeGuards(result: GuardsBench): string {
  const { addedMs, ratio } = result;
  const interval = ({ median, low, high }: GuardsBench['addedMs'], digits: number): string =>
    `${median.toFixed(digits)} (95 %: ${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  return [
    `a request of one token, cached: open ${result.openMs.toFixed(1)} ms, guarded ${result.guardedMs.toFixed(1)} ms`,
    `added: ${interval(addedMs, 2)} ms`,
    `tokens a second: open ${result.openTokensPerSecond.toFixed(1)}, guarded ${result.guardedTokensPerSecond.toFixed(1)}`,
    `guarded over open: ${interval(ratio, 3)}`,
    '',
  ].join('\n');
}
