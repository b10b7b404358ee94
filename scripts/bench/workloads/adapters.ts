/**
 * What adapters cost: streams of a model as it is beside as many of which each carries one of several adapters, in
 * turn; and the first token of an adapter that is not in memory beside one that is.
 */
import type { Adapter, FloatPair } from '../../../engine/adapters/adapter.ts';
import { targetTable } from '../../../engine/adapters/targets.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { modelsBucketName } from '../../dev/prepare.ts';
import { waitUntilReady } from '../../dev/server.ts';
import { KeyClient } from '../../lib/key-client.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { addAdapter, readBase } from '../../push/adapters.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { type BenchServerOptions, withBenchServer } from '../bench-server.ts';
import { spread } from '../report/statistics.ts';
import { medianInterval } from './guards.ts';

const READY_TIMEOUT_MS = 120_000;
const N_STREAM = 8;
const N_ADAPTER = 4;
/** Adapters of which each is loaded anew when its turn comes: more than there is room for. */
const N_COLD = 8;
const STREAM_TOKENS = 64;
const RANK = 8;
/** Room for the adapters of the streams, and for no more. */
const ROOM_ADAPTERS = N_ADAPTER + 0.5;
/** Beyond a deployment's 128 MB: the small model leaves no room for four large adapters. */
const MEMORY_BYTES = 256_000_000;

export interface AdaptersBench {
  readonly model: string;
  readonly streams: number;
  readonly adapters: number;
  readonly rank: number;
  readonly adapterBytes: number;
  readonly rounds: number;
  /** All streams together. */
  readonly baseTokensPerSecond: number;
  readonly adaptedTokensPerSecond: number;
  /** Adapted over base, of neighbours: the median, and the interval that holds it with 95 %. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
  /** Medians of a request of one token. */
  readonly warmMs: number;
  readonly coldMs: number;
}

export async function benchAdapters(
  model: string,
  projections: readonly string[],
  nRound: number,
  note: (text: string) => void,
): Promise<AdaptersBench> {
  const warm = Array.from({ length: N_ADAPTER }, (_, i) => `warm${i}`);
  const cold = Array.from({ length: N_COLD }, (_, i) => `cold${i}`);
  let adapterBytes = 0;
  const options: BenchServerOptions = {
    models: [model],
    vars: {
      ...{ DEFAULT_MODEL: model, MEMORY_BUDGET_BYTES: String(MEMORY_BYTES), WATERMARK_KEY: '' },
    },
    prepare: async (persist) => {
      note('adding adapters');
      adapterBytes = await addAll(model, [...warm, ...cold], projections, persist);
      return { ADAPTER_BYTES: String(Math.ceil(ROOM_ADAPTERS * adapterBytes)) };
    },
  };
  return await withBenchServer(options, async ({ server }) => {
    await waitUntilReady(server.url, READY_TIMEOUT_MS);
    const client = new KeyClient(server.url, '');
    const adapted = warm.map((name) => adapterModelId(model, name));
    note('warming up');
    for (const name of [model, ...adapted]) await rateOf(client, [name]);
    note(`${nRound} rounds of ${N_STREAM} streams`);
    const rates = await pairsOf(
      nRound,
      () => rateOf(client, [model]),
      () => rateOf(client, adapted),
    );
    note('first tokens');
    const warmMs: number[] = [];
    const coldMs: number[] = [];
    for (let round = 0; round < nRound; round++)
      for (const name of cold) {
        const id = adapterModelId(model, name);
        coldMs.push(await firstTokenMs(client, id));
        warmMs.push(await firstTokenMs(client, id));
      }
    return {
      ...{ model, streams: N_STREAM, adapters: N_ADAPTER, rank: RANK, adapterBytes },
      rounds: nRound,
      baseTokensPerSecond: spread(rates.map(([base]) => base)).median,
      adaptedTokensPerSecond: spread(rates.map(([, other]) => other)).median,
      ratio: medianInterval(rates.map(([base, other]) => other / base)),
      ...{ warmMs: spread(warmMs).median, coldMs: spread(coldMs).median },
    };
  });
}

async function addAll(
  model: string,
  names: readonly string[],
  projections: readonly string[],
  persist: string,
): Promise<number> {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    const base = await readBase(bucket, model);
    let bytes = 0;
    for (const [seed, name] of names.entries()) {
      const adapter = smallAdapter(base, projections, seed);
      const about = { licence: '', source: 'bench' };
      ({ bytes } = await addAdapter(bucket, { base: model, name }, adapter, base, about));
    }
    return bytes;
  } finally {
    await bucket.close();
  }
}

/** An adapter of small random values: texts stay texts. */
function smallAdapter(
  base: DecoderManifest,
  projections: readonly string[],
  seed: number,
): Adapter {
  const random = new SeededRandom(seed + 1);
  const values = (n: number, size: number) =>
    Float32Array.from({ length: n }, () => (random.next() - 0.5) * size);
  const pairs = new Map<string, FloatPair>();
  for (const targets of targetTable(base, 'hf').values())
    for (const { name, shape } of targets)
      if (projections.some((projection) => name.endsWith(`.${projection}`)))
        pairs.set(name, { a: values(RANK * shape[1], 0.02), b: values(shape[0] * RANK, 0.02) });
  return { rank: RANK, alpha: RANK, scale: 1, pairs, activation: null, baseName: null };
}

/** Pairs of measurements; who is first changes with each pair. */
async function pairsOf(
  n: number,
  first: () => Promise<number>,
  second: () => Promise<number>,
): Promise<[number, number][]> {
  const pairs: [number, number][] = [];
  for (let i = 0; i < n; i++) {
    if (i % 2 === 0) pairs.push([await first(), await second()]);
    else {
      const late = await second();
      pairs.push([await first(), late]);
    }
  }
  return pairs;
}

/** Tokens a second of N_STREAM streams together, by turns of the models, from the first token of all to the last. */
async function rateOf(client: KeyClient, models: readonly string[]): Promise<number> {
  const at: number[] = [];
  const starts: number[] = [];
  await Promise.all(
    Array.from({ length: N_STREAM }, async (_, i) => {
      const body = { model: models[i % models.length], prompt: 'Once upon a time', temperature: 0 };
      let isFirst = true;
      const { status, text } = await client.ask(
        '/v1/completions',
        { ...body, max_tokens: STREAM_TOKENS, ignore_eos: true, stream: true, speculation: 'off' },
        'POST',
        (chunk) => {
          const now = performance.now();
          if (isFirst) starts.push(now);
          isFirst = false;
          for (const _event of chunk.matchAll(/^data: /gm)) at.push(now);
        },
      );
      if (status !== 200) throw new Error(`bench: ${status} ${text}`);
    }),
  );
  const [from, to] = [Math.max(...starts), Math.max(...at)];
  return (at.filter((time) => time > from).length * 1000) / (to - from);
}

async function firstTokenMs(client: KeyClient, model: string): Promise<number> {
  const body = { model, prompt: 'Once upon a time', max_tokens: 1, temperature: 0 };
  const startedAt = performance.now();
  const { status, text } = await client.ask('/v1/completions', body);
  if (status !== 200) throw new Error(`bench: ${status} ${text}`);
  return performance.now() - startedAt;
}

export function describeAdapters(bench: AdaptersBench): string {
  const { model, streams, adapters, rank, adapterBytes, ratio, warmMs, coldMs } = bench;
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [
    `${model}: ${streams} streams, ${adapters} adapters of rank ${rank} (${(adapterBytes / 1e6).toFixed(1)} MB each)`,
    `  tokens/s   ${bench.baseTokensPerSecond.toFixed(1)} without, ${bench.adaptedTokensPerSecond.toFixed(1)} with: ` +
      `${percent(ratio.median)} (${percent(ratio.low)} to ${percent(ratio.high)})`,
    `  one token  ${warmMs.toFixed(1)} ms from memory, ${coldMs.toFixed(1)} ms from R2`,
    '',
  ].join('\n');
}
