/** A bucket in a Cloudflare account, through wrangler, which knows the account. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { failureReason } from '../lib/exec.ts';
import { runWrangler } from '../lib/wrangler.ts';
import type { Bucket } from './bucket.ts';

/**
 * Checks that the bucket exists, or creates it when `create` is set.
 * @throws {EngineError} E_BACKEND_UNAVAILABLE with wrangler's reason.
 */
export async function openRemoteBucket(name: string, create = false): Promise<Bucket> {
  const info = await runWrangler(['r2', 'bucket', 'info', name]);
  if (info.code !== 0) {
    const missing = /not exist|not found|10006/i.test(info.stdout + info.stderr);
    if (!missing) throw remoteError(`bucket ${name}`, failureReason(info));
    if (!create) {
      throw remoteError(
        `bucket ${name}`,
        `does not exist. Create it with: npx wrangler r2 bucket create ${name} (thimble deploy does)`,
      );
    }
    const made = await runWrangler(['r2', 'bucket', 'create', name]);
    if (made.code !== 0) throw remoteError(`bucket ${name}`, failureReason(made));
  }
  const tempDir = await mkdtemp(join(tmpdir(), 'thimble-push-'));
  const tempFile = join(tempDir, 'object');
  const object = (key: string) => `${name}/${key}`;
  const bucket: Bucket = {
    label: `bucket ${name}`,
    // wrangler has no such command.
    head: null,
    async getText(key) {
      const bytes = await bucket.getBytes(key);
      return bytes === null ? null : new TextDecoder().decode(bytes);
    },
    async getBytes(key) {
      const from = ['r2', 'object', 'get', object(key), '--remote', '--file', tempFile];
      const got = await runWrangler(from);
      if (got.code === 0) return new Uint8Array(await readFile(tempFile));
      if (/not exist|not found|404/i.test(got.stdout + got.stderr)) return null;
      throw remoteError(`get ${key}`, failureReason(got));
    },
    async put(key, bytes) {
      await writeFile(tempFile, bytes);
      const put = await runWrangler([
        'r2',
        'object',
        'put',
        object(key),
        '--remote',
        '--file',
        tempFile,
      ]);
      if (put.code !== 0) throw remoteError(`put ${key}`, failureReason(put));
    },
    async delete(key) {
      const gone = await runWrangler(['r2', 'object', 'delete', object(key), '--remote']);
      if (gone.code !== 0) throw remoteError(`delete ${key}`, failureReason(gone));
    },
    async putIfSame(key, bytes, sha256, expected) {
      if ((await bucket.getText(key)) !== expected) return false;
      await bucket.put(key, bytes, sha256);
      return true;
    },
    listModelIds: () => Promise.resolve(null),
    listKeys: () => Promise.resolve(null),
    close: () => rm(tempDir, { recursive: true, force: true }),
  };
  return bucket;
}

function remoteError(what: string, why: string): EngineError {
  return new EngineError('E_BACKEND_UNAVAILABLE', `push: ${what}: ${why}`);
}
