/**
 * One process at a time: a lock file that holds its owner's process id. A lock whose owner is gone
 * (killed, machine restarted) is taken over.
 */
import process from 'node:process';
import { mkdirSync, openSync, readFileSync, rmSync, writeSync, closeSync } from 'node:fs';
import { dirname } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';

const POLL_INTERVAL_MS = 200;

/**
 * Runs `work` while holding `lockPath`.
 * @throws {EngineError} E_BUSY when a living process still holds it after `waitMs`.
 */
export async function withLock<T>(
  lockPath: string,
  work: () => Promise<T>,
  waitMs = 0,
): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += POLL_INTERVAL_MS) {
    try {
      takeLock(lockPath);
      break;
    } catch (error) {
      if (waitedMs >= waitMs || !(error instanceof EngineError)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_INTERVAL_MS));
  }
  const release = () => rmSync(lockPath, { force: true });
  // `exit` also covers an interrupt, which ends the process while `work` is still pending.
  process.once('exit', release);
  try {
    return await work();
  } finally {
    release();
    process.off('exit', release);
  }
}

function takeLock(lockPath: string): void {
  mkdirSync(dirname(lockPath), { recursive: true });
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const fd = openSync(lockPath, 'wx');
      writeSync(fd, String(process.pid));
      closeSync(fd);
      return;
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    const owner = readOwner(lockPath);
    if (owner !== null && isAlive(owner)) {
      throw new EngineError(
        'E_BUSY',
        `lock: ${lockPath} is held by process ${owner}. Wait for it to end, or end it, then try again.`,
        { details: { lockPath, owner } },
      );
    }
    rmSync(lockPath, { force: true });
  }
  throw new EngineError('E_BUSY', `lock: ${lockPath} could not be taken. Try again.`);
}

function readOwner(lockPath: string): number | null {
  try {
    const pid = Number.parseInt(readFileSync(lockPath, 'utf8'), 10);
    return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
  } catch {
    return null;
  }
}

export function isAlive(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

/** True for a Node system error with this code (`ENOENT`, `ENOSPC`...). */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
