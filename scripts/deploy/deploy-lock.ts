/** One deployment at a time: scripts and the record of what lies where must come from the same one. */
import { randomUUID } from 'node:crypto';
import { EngineError } from '../../engine/base/errors.ts';
import { hashBytes } from '../lib/hash-file.ts';
import type { Bucket } from '../push/bucket.ts';

const LOCK_KEY = 'fleet/deploying.json';
/** After so long, whoever began has been cut off. */
const STALE_MS = 30 * 60_000;

/**
 * Runs `work` while no other deployment of the bucket's account runs.
 * @throws {EngineError} E_BUSY when one does.
 */
export async function withDeployLock<T>(
  bucket: Bucket,
  work: () => Promise<T>,
  nowMs: () => number = Date.now,
): Promise<T> {
  const before = await bucket.getText(LOCK_KEY);
  const startedMs = before === null ? -Infinity : startOf(before);
  if (nowMs() - startedMs < STALE_MS) throw busy(new Date(startedMs).toISOString());
  const own = JSON.stringify({ id: randomUUID(), startedAt: new Date(nowMs()).toISOString() });
  const bytes = new TextEncoder().encode(own);
  const isWritten = await bucket.putIfSame(LOCK_KEY, bytes, hashBytes(bytes), before);
  // Buckets that cannot compare while they write: whoever wrote last has it.
  if (!isWritten || (await bucket.getText(LOCK_KEY)) !== own) throw busy('the same moment');
  try {
    return await work();
  } finally {
    if ((await bucket.getText(LOCK_KEY)) === own) await bucket.delete(LOCK_KEY);
  }
}

/** When a deployment began; long ago for a file that cannot be read. */
function startOf(text: string): number {
  try {
    const { startedAt } = JSON.parse(text) as { readonly startedAt?: unknown };
    const ms = Date.parse(String(startedAt));
    return Number.isNaN(ms) ? -Infinity : ms;
  } catch {
    return -Infinity;
  }
}

function busy(since: string): EngineError {
  return new EngineError(
    'E_BUSY',
    `deploy: another deployment runs (it began at ${since}). Wait for its end and deploy again; ` +
      `one that was cut off no longer counts after ${STALE_MS / 60_000} minutes.`,
  );
}
