/**
 * Counters of this isolate since it started, as Prometheus reads them (text format 0.0.4). Several
 * isolates serve one address: each reports its own counts under its own `isolate` label.
 * Label values come from tables and stored models, never from what a client wrote.
 */
import type { GenerateUsage } from '../../../engine/generate/types.ts';

/** Upper bounds in seconds. */
const DURATION_BUCKETS_S = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300] as const;
/** Models whose tokens are counted separately; later ones are counted together. */
const MAX_MODELS = 100;
const OTHER_MODELS = 'other';

interface Histogram {
  /** Requests per bucket, not cumulative; the last entry counts all longer ones. */
  readonly counts: number[];
  sumS: number;
}

const requests = new Map<string, number>();
const durations = new Map<string, Histogram>();
const tokens = new Map<string, Record<'prompt' | 'cached' | 'completion' | 'drafted', number>>();
let nInFlight = 0;
/** Made with the first request: the platform has no random numbers before one. */
let isolate: string | null = null;

export function countStart(): void {
  nInFlight++;
}

/** Notes a request that another object counts when it ends. */
export function countHandOver(): void {
  nInFlight--;
}

export function countEnd(endpoint: string, status: number, ms: number): void {
  nInFlight--;
  const key = `${endpoint} ${status}`;
  requests.set(key, (requests.get(key) ?? 0) + 1);
  let histogram = durations.get(endpoint);
  if (histogram === undefined) {
    histogram = { counts: new Array<number>(DURATION_BUCKETS_S.length + 1).fill(0), sumS: 0 };
    durations.set(endpoint, histogram);
  }
  const seconds = ms / 1000;
  const bucket = DURATION_BUCKETS_S.findIndex((bound) => seconds <= bound);
  const index = bucket < 0 ? DURATION_BUCKETS_S.length : bucket;
  histogram.counts[index] = (histogram.counts[index] ?? 0) + 1;
  histogram.sumS += seconds;
}

export function countTokens(modelId: string, usage: GenerateUsage): void {
  const key = tokens.has(modelId) || tokens.size < MAX_MODELS ? modelId : OTHER_MODELS;
  const before = tokens.get(key) ?? { prompt: 0, cached: 0, completion: 0, drafted: 0 };
  tokens.set(key, {
    prompt: before.prompt + usage.promptTokens,
    cached: before.cached + usage.cachedTokens,
    completion: before.completion + usage.completionTokens,
    drafted: before.drafted + usage.draftedTokens,
  });
}

export function metricsText(): string {
  isolate ??= crypto.randomUUID().slice(0, 8);
  const lines: string[] = [];
  const family = (name: string, type: string, help: string): void => {
    lines.push(`# HELP ${name} ${help} Of this isolate only.`, `# TYPE ${name} ${type}`);
  };
  const sample = (name: string, labels: Readonly<Record<string, string>>, value: number): void => {
    const text = Object.entries({ ...labels, isolate: isolate ?? '' })
      .map(([label, text]) => `${label}="${text}"`)
      .join(',');
    lines.push(`${name}{${text}} ${value}`);
  };

  family('thimble_requests_total', 'counter', 'Requests that have ended.');
  for (const [key, value] of requests) {
    const [endpoint = '', status = ''] = key.split(' ');
    sample('thimble_requests_total', { endpoint, status }, value);
  }
  family('thimble_requests_in_flight', 'gauge', 'Requests in flight.');
  sample('thimble_requests_in_flight', {}, nInFlight);
  family('thimble_tokens_total', 'counter', 'Tokens of generations that have ended.');
  for (const [model, kinds] of tokens)
    for (const [kind, value] of Object.entries(kinds))
      sample('thimble_tokens_total', { model, kind }, value);
  family('thimble_request_duration_seconds', 'histogram', 'From the request to the last byte.');
  for (const [endpoint, { counts, sumS }] of durations) {
    let below = 0;
    counts.forEach((count, i) => {
      below += count;
      const le = String(DURATION_BUCKETS_S[i] ?? '+Inf');
      sample('thimble_request_duration_seconds_bucket', { endpoint, le }, below);
    });
    sample('thimble_request_duration_seconds_sum', { endpoint }, sumS);
    sample('thimble_request_duration_seconds_count', { endpoint }, below);
  }
  return `${lines.join('\n')}\n`;
}
