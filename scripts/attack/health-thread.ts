/** The thread of health.ts: one connection, one question at a time. */
import { Agent, get } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

export interface HealthReport {
  readonly worstMs: number;
  readonly nAsked: number;
  /** Questions that got no answer, or another than 200. */
  readonly nFailed: number;
}

const INTERVAL_MS = 20;

const url = `${workerData as string}/healthz`;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
let seen = { worstMs: 0, nAsked: 0, nFailed: 0 };
let askedAt: number | null = null;

function ask(): void {
  if (askedAt !== null) return;
  askedAt = performance.now();
  const end = (isFine: boolean): void => {
    if (askedAt === null) return;
    seen.worstMs = Math.max(seen.worstMs, performance.now() - askedAt);
    seen.nAsked++;
    if (!isFine) seen.nFailed++;
    askedAt = null;
  };
  get(url, { agent }, (response) => {
    response.resume();
    response.once('end', () => end(response.statusCode === 200));
    response.once('error', () => end(false));
  }).once('error', () => end(false));
}

setInterval(ask, INTERVAL_MS);
parentPort!.on('message', () => {
  const waitedMs = askedAt === null ? 0 : performance.now() - askedAt;
  const report: HealthReport = { ...seen, worstMs: Math.max(seen.worstMs, waitedMs) };
  parentPort!.postMessage(report);
  seen = { worstMs: 0, nAsked: 0, nFailed: 0 };
});
