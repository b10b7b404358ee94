/** Many clients of some keys for a while, one key greedy: who gets how much, and what the runtime's memory does. */
import type { OwnServer } from '../dev/own-server.ts';
import { KeyClient, NoAnswerError } from '../lib/key-client.ts';
import type { Answered } from '../lib/key-client.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import { createKey } from '../push/keys.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { chooseRequest, COLLECTION } from './requests.ts';
import type { SoakContext } from './requests.ts';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly textModel: string;
  readonly encoder: string | null;
  readonly onLine?: (line: string) => void;
}

export interface KeyUse {
  readonly name: string;
  readonly clients: number;
  /** Answers by status; "none" for connections that broke. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Requests that were served, as part of what each key would get if all got the same. */
  readonly share: number;
  readonly tokens: number;
  /** The same of tokens. */
  readonly tokenShare: number;
}

export interface SoakResult {
  readonly seconds: number;
  readonly keys: readonly KeyUse[];
  /** Answers that no client should see, some of them in words. */
  readonly wrong: readonly string[];
  readonly nWrong: number;
  readonly smallestShare: number;
  /** Resident memory of the runtime, every 10 s. */
  readonly residentMb: readonly number[];
  /** After the first minute; null where that was all. */
  readonly mbPerMinute: number | null;
}

const N_KEY = 8;
/** The greedy key has the rest of the 64. */
const CLIENTS_PER_KEY = 4;
const N_CLIENT = 64;
const SAMPLE_MS = 10_000;
const WARM_UP_SAMPLES = 6;
const MAX_SHOWN = 10;
/** A client that is told to come back does, after this time at most. */
const MAX_PAUSE_MS = 5000;
/** The greedy key's clients come back at once, whatever they are told. */
const GREEDY_PAUSE_MS = 50;
const MB = 1024 * 1024;

export async function runSoak(server: OwnServer, options: SoakOptions): Promise<SoakResult> {
  const { seconds, onLine = () => undefined } = options;
  const keys = await makeKeys(server, options);
  const residentMb: number[] = [];
  const endMs = performance.now() + seconds * 1000;
  const clients = keys.flatMap((key) => key.start(endMs));
  const sampling = (async () => {
    while (performance.now() < endMs) {
      await pause(Math.min(SAMPLE_MS, Math.max(0, endMs - performance.now())));
      const runtime = await server.runtime();
      residentMb.push(Math.round((runtime?.residentBytes ?? 0) / MB));
      const nServed = keys.reduce((sum, { served }) => sum + served, 0);
      onLine(`${nServed} served, the runtime has ${residentMb.at(-1)} MB`);
    }
  })();
  await Promise.all([...clients, sampling]);
  const meanOf = (amount: (key: SoakKey) => number): number =>
    keys.reduce((sum, key) => sum + amount(key), 0) / keys.length;
  const fair = { served: meanOf(({ served }) => served), tokens: meanOf(({ tokens }) => tokens) };
  const uses = keys.map((key) => key.use(fair));
  for (const use of uses) onLine(describe(use));
  return {
    seconds,
    keys: uses,
    wrong: keys.flatMap(({ wrong }) => wrong).slice(0, MAX_SHOWN),
    nWrong: keys.reduce((sum, { wrong }) => sum + wrong.length, 0),
    smallestShare: Math.min(...uses.map(({ share }) => share)),
    residentMb,
    mbPerMinute: slope(residentMb.slice(WARM_UP_SAMPLES)),
  };
}

async function makeKeys(server: OwnServer, options: SoakOptions): Promise<SoakKey[]> {
  const bucket = await server.openBucket();
  try {
    const keys: SoakKey[] = [];
    for (let i = 0; i < N_KEY; i++) {
      const isGreedy = i === 0;
      const name = isGreedy ? 'greedy' : `key ${i}`;
      const about = { name, scopes: SCOPES, models: null, expiresAt: null, limits: null };
      const { key } = await createKey(bucket, about);
      const nClient = isGreedy ? N_CLIENT - (N_KEY - 1) * CLIENTS_PER_KEY : CLIENTS_PER_KEY;
      keys.push(new SoakKey(new KeyClient(server.url, key), name, nClient, isGreedy, options));
    }
    for (const key of keys) await key.prepare();
    return keys;
  } finally {
    await bucket.close();
  }
}

class SoakKey {
  served = 0;
  tokens = 0;
  readonly wrong: string[] = [];
  readonly #statuses: Record<string, number> = {};
  readonly #client: KeyClient;
  readonly #name: string;
  readonly #nClient: number;
  readonly #isGreedy: boolean;
  readonly #options: SoakOptions;

  constructor(
    client: KeyClient,
    name: string,
    nClient: number,
    isGreedy: boolean,
    options: SoakOptions,
  ) {
    this.#client = client;
    this.#name = name;
    this.#nClient = nClient;
    this.#isGreedy = isGreedy;
    this.#options = options;
  }

  /** A collection to search. */
  async prepare(): Promise<void> {
    const { encoder: model } = this.#options;
    if (model === null) return;
    await this.#client.ask('/v1/collections', { name: COLLECTION, model });
    const documents = [{ id: 'a', content: 'The sea is warm and blue.' }];
    await this.#client.ask(`/v1/collections/${COLLECTION}/documents`, { documents });
  }

  start(endMs: number): Promise<void>[] {
    return Array.from({ length: this.#nClient }, (_, i) => this.#run(i, endMs));
  }

  /** @param fair what each key would get if all got the same */
  use(fair: { readonly served: number; readonly tokens: number }): KeyUse {
    const { served, tokens } = this;
    const shareOf = (amount: number, of: number) =>
      Math.round((amount / Math.max(1, of)) * 100) / 100;
    return {
      ...{ name: this.#name, clients: this.#nClient, statuses: this.#statuses },
      ...{ share: shareOf(served, fair.served), tokens, tokenShare: shareOf(tokens, fair.tokens) },
    };
  }

  async #run(i: number, endMs: number): Promise<void> {
    const { seed, textModel, encoder } = this.#options;
    // The same of every key: a share says how a key was served, and not what it happened to ask.
    const random = new SeededRandom(seed * 1_000_003 + i);
    const name = `soak-${i}`;
    const context: SoakContext = { client: this.#client, random, name, textModel, encoder };
    while (performance.now() < endMs) {
      let pauseMs = 0;
      const tell = (answer: Answered): void => {
        pauseMs = Math.max(pauseMs, this.#note(answer));
      };
      try {
        await chooseRequest(context).run(context, tell);
      } catch (error) {
        if (!(error instanceof NoAnswerError)) throw error;
        this.#count('none');
        this.wrong.push(`${error.message} (${String(error.cause)})`);
      }
      await pause(Math.min(pauseMs, Math.max(0, endMs - performance.now())));
    }
  }

  /** @returns how long the client waits before its next request */
  #note({ status, text, headers }: Answered): number {
    this.#count(String(status));
    if (status === 200) {
      this.served++;
      this.tokens += Number(/"total_tokens":\s*(\d+)/.exec(text)?.[1] ?? 0);
      return 0;
    }
    const retryAfter = headers.get('retry-after');
    const isRefusal = (status === 429 || status === 503) && retryAfter !== null;
    if (!isRefusal) this.wrong.push(`${status} ${text.slice(0, 200)}`);
    if (this.#isGreedy) return GREEDY_PAUSE_MS;
    return Math.min(MAX_PAUSE_MS, Number(retryAfter ?? 1) * 1000);
  }

  #count(what: string): void {
    this.#statuses[what] = (this.#statuses[what] ?? 0) + 1;
  }
}

function describe({ name, clients, statuses, share, tokens, tokenShare }: KeyUse): string {
  const counts = Object.entries(statuses).map(([status, n]) => `${n} x ${status}`);
  return `${name.padEnd(7)} ${String(clients).padStart(2)} clients  share ${share.toFixed(2)} of requests, ${tokenShare.toFixed(2)} of tokens (${tokens})  ${counts.join(', ')}`;
}

/** Least squares over samples of one interval; null for fewer than two. */
export function slope(samples: readonly number[]): number | null {
  const n = samples.length;
  if (n < 2) return null;
  const [meanX, meanY] = [(n - 1) / 2, samples.reduce((sum, y) => sum + y, 0) / n];
  let [xy, xx] = [0, 0];
  samples.forEach((y, x) => {
    xy += (x - meanX) * (y - meanY);
    xx += (x - meanX) ** 2;
  });
  return Math.round((xy / xx) * (60_000 / SAMPLE_MS) * 100) / 100;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
