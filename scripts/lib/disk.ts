/** Disk space: checked before a long write, and reported when it runs out during one. */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { isErrno } from './lock.ts';
import { formatBytes } from './progress.ts';

/** Free bytes for this user where `path` is or will be. */
export function freeBytes(path: string): number {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize } = statfsSync(at);
      return bavail * bsize;
    } catch (error) {
      if (!isErrno(error, 'ENOENT') || dirname(at) === at) throw error;
    }
  }
}

/**
 * Refuses to start a write that cannot fit.
 * @throws {EngineError} E_DISK
 */
export function requireFreeBytes(path: string, neededBytes: number, what: string): void {
  const free = freeBytes(path);
  if (free >= neededBytes) return;
  throw new EngineError(
    'E_DISK',
    `${what}: not enough disk space; expected ${formatBytes(neededBytes)} free at ${path}, got ${formatBytes(free)}. Free some space or set THIMBLE_HOME to a larger disk; what was fetched so far is kept.`,
    { details: { path, neededBytes, freeBytes: free } },
  );
}

/** A system error of a write as an EngineError; anything else unchanged. */
export function asDiskError(error: unknown, path: string, what: string): unknown {
  for (const code of ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'ENOTDIR', 'EIO']) {
    if (!isErrno(error, code)) continue;
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    return new EngineError(
      'E_DISK',
      `${what}: ${full ? 'the disk is full' : `cannot write (${code})`} at ${path}. ${full ? 'Free some space' : 'Check the folder'} or set THIMBLE_HOME to another place, then run the same command again.`,
      { details: { path, systemCode: code }, cause: error },
    );
  }
  return error;
}

/** The same for a file that the user named: a wrong path is the user's to correct. */
export function asOutputError(error: unknown, path: string, what: string): unknown {
  const code = ['ENOENT', 'EISDIR'].find((known) => isErrno(error, known));
  if (code === undefined) return asDiskError(error, path, what);
  return new EngineError(
    'E_USAGE',
    `${what}: cannot write ${path} (${code}). Name a file in an existing folder.`,
    { details: { path, systemCode: code }, cause: error },
  );
}
