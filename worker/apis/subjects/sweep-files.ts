/** Deletes files of a subject that are older than RETENTION_DAYS. */
import { retentionMs } from '../../access/content/retention.ts';
import type { RetentionVars } from '../../access/content/retention.ts';
import { callerOf } from '../../platform/caller.ts';
import { fileIdBefore, oldestFileMs } from '../files/stored-file.ts';
import { KEPT_KINDS } from './kept-kinds.ts';
import type { KeptContext } from './kept-kinds.ts';

/** Files deleted at once, and in one sweep: each is three or four subrequests of 1,000. */
const CONCURRENT = 8;
const SWEEP_FILES = 200;
/** A sweep is at most so much late, so that many files do not need as many sweeps. */
const LATE_MS = 60 * 60_000;
const LATE_SHARE = 0.1;
/** Pause before a sweep goes on that was full. */
const FULL_MS = 1000;

/** Milliseconds until a sweep. @param oldestMs when the oldest file was made; null for now */
export function nextSweepMs(vars: RetentionVars, oldestMs: number | null): number {
  const forMs = retentionMs(vars);
  const dueMs = (oldestMs ?? Date.now()) + forMs - Date.now();
  return Math.max(dueMs, Math.min(LATE_MS, forMs * LATE_SHARE));
}

/** @returns milliseconds until the next sweep; null when none is needed */
export async function sweepFiles(context: KeptContext): Promise<number | null> {
  const { env, subject } = context;
  const forMs = retentionMs(env);
  if (forMs === Infinity) return null;
  const { files } = KEPT_KINDS;
  for (let n = 0; n < SWEEP_FILES; n += CONCURRENT) {
    const ids = await files.names(context, fileIdBefore(Date.now() - forMs), CONCURRENT);
    await Promise.all(ids.map((id) => files.remove(context, id)));
    if (ids.length === CONCURRENT) continue;
    const oldestMs = await oldestFileMs(env.FILES, callerOf(subject));
    return oldestMs === null ? null : nextSweepMs(env, oldestMs);
  }
  return FULL_MS;
}
