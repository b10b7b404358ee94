/** Pulling over HTTP and from files: resumed, verified, never half a file under the final name. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { pullSource } from '../../../scripts/pull/pull.ts';
import type { PullOptions } from '../../../scripts/pull/pull.ts';
import { startFileServer } from '../../support/file-server.ts';
import type { FileServer } from '../../support/file-server.ts';

/** Longer than a socket's buffers, so that a cut is a cut. */
const BODY = new Uint8Array(3_000_000).map((_, i) => (i * 31 + (i >> 8)) & 255);
const SHA256 = createHash('sha256').update(BODY).digest('hex');

let cacheRoot = '';
let server: FileServer;

beforeEach(async () => {
  cacheRoot = await mkdtemp(join(tmpdir(), 'thimble-pull-'));
  server = await startFileServer(BODY);
});
afterEach(async () => {
  await server.close();
  await rm(cacheRoot, { recursive: true, force: true });
});

function pull(options: PullOptions & { sha256?: string } = {}) {
  return pullSource(server.url, {
    cacheRoot,
    http: { connectTimeoutMs: 300, idleTimeoutMs: 300, retryDelayMs: 1 },
    sha256: SHA256,
    ...options,
  });
}

async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error = await promise.then(
    () => null,
    (caught: unknown) => caught,
  );
  if (error instanceof EngineError) return error;
  throw new Error(`expected an EngineError, got ${String(error)}`);
}

/** Compared by hand: a failed comparison of megabytes would print them all. */
async function isBody(path: string): Promise<boolean> {
  return (await readFile(path)).equals(BODY);
}

/** Files in the cache by their names, without folders. */
function cachedFiles(): string[] {
  return readdirSync(cacheRoot, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .sort();
}

/** Where the server's file ends up; needs one finished pull. */
async function finalPath(): Promise<string> {
  const { path } = await pull();
  await rm(path);
  server.ranges.length = 0;
  return path;
}

describe('pull over HTTP', () => {
  test('brings the file, and the second time takes it from the cache', async () => {
    const first = await pull();
    expect(first).toMatchObject({ bytes: BODY.byteLength, sha256: SHA256, source: server.url });
    expect(await isBody(first.path)).toBe(true);
    expect(await pull()).toMatchObject({ path: first.path, source: null });
    expect(server.ranges).toEqual(['']);
    expect(cachedFiles()).toEqual(['model.gguf']);
  });

  test('a cut connection goes on where it stopped, within one pull', async () => {
    Object.assign(server.behaviour, { cuts: 2, cutAfterBytes: 1_000_000 });
    await pull();
    expect(server.ranges).toHaveLength(3);
    expect(server.ranges[0]).toBe('');
    expect(server.ranges[1]).toMatch(/^bytes=[1-9]\d*-$/);
    expect(cachedFiles()).toEqual(['model.gguf']);
  });

  test('what an earlier pull left is continued by the next one', async () => {
    const path = await finalPath();
    await writeFile(`${path}.part`, BODY.subarray(0, 1_234_567));
    await pull();
    expect(server.ranges).toEqual(['bytes=1234567-']);
    expect(await isBody(path)).toBe(true);
  });

  test('a pull that fails for good leaves nothing under the final name', async () => {
    Object.assign(server.behaviour, { cuts: 99, cutAfterBytes: 0 });
    const error = await failure(pull());
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(cachedFiles()).not.toContain('model.gguf');
  });

  test('a server that ignores Range starts again from the first byte', async () => {
    const path = await finalPath();
    await writeFile(`${path}.part`, BODY.subarray(0, 777));
    server.behaviour.ignoreRange = true;
    await pull();
    expect(await isBody(path)).toBe(true);
  });

  test('a file that changed since is fetched whole (If-Range)', async () => {
    const path = await finalPath();
    await writeFile(`${path}.part`, new Uint8Array(5000));
    await writeFile(`${path}.part.etag`, '"older"');
    await pull();
    expect(await isBody(path)).toBe(true);
    expect(server.ranges).toEqual(['bytes=5000-']);
  });

  test('a damaged beginning without an etag is noticed by the hash and fetched again', async () => {
    const path = await finalPath();
    await writeFile(`${path}.part`, new Uint8Array(5000));
    await pull();
    expect(server.ranges).toEqual(['bytes=5000-', '']);
    expect(await isBody(path)).toBe(true);
  });

  test('a complete .part needs no byte more', async () => {
    const path = await finalPath();
    await writeFile(`${path}.part`, BODY);
    await pull();
    expect(server.ranges).toEqual([`bytes=${BODY.byteLength}-`]);
    expect(existsSync(path)).toBe(true);
  });

  test('the wrong hash is refused with both hashes, and the file thrown away', async () => {
    const error = await failure(pull({ sha256: 'a'.repeat(64) }));
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain('a'.repeat(64));
    expect(error.message).toContain(SHA256);
    expect(cachedFiles()).toEqual([]);
  });

  test('a cached file that was damaged is fetched again', async () => {
    const { path } = await pull();
    await writeFile(path, BODY.subarray(0, 100));
    expect(await pull()).toMatchObject({ source: server.url, bytes: BODY.byteLength });
  });

  test.each([404, 401, 503])('HTTP %i is named', async (status) => {
    server.behaviour.status = status;
    const error = await failure(pull());
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain(`HTTP ${status}`);
    expect(server.ranges).toHaveLength(1);
  });

  test('a host that never answers fails after the timeout', async () => {
    server.behaviour.hang = true;
    const error = await failure(pull());
    expect(error.message).toContain('no answer for 0.3 s');
    expect(server.ranges).toHaveLength(1);
  });

  test('an answer that stalls is given up and told', async () => {
    server.behaviour.stall = true;
    const error = await failure(pull());
    expect(error.message).toContain('stalled for 0.3 s');
    expect(cachedFiles()).not.toContain('model.gguf');
  });

  test('nobody listening is told', async () => {
    await server.close();
    const error = await failure(pull());
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain('ECONNREFUSED');
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is told as such, at once', async () => {
    const path = await finalPath();
    await mkdir(dirname(path), { recursive: true });
    await symlink('/dev/full', `${path}.part`);
    const error = await failure(pull());
    expect(error.code).toBe('E_DISK');
    expect(error.message).toContain('the disk is full');
    expect(existsSync(path)).toBe(false);
  });

  test('progress counts bytes up to the whole', async () => {
    const seen: number[] = [];
    await pull({ onProgress: ({ done, total }) => total === BODY.byteLength && seen.push(done) });
    expect(seen.at(-1)).toBe(BODY.byteLength);
    expect([...seen].sort((a, b) => a - b)).toEqual(seen);
  });

  test('an interrupt stops it and keeps what has come', async () => {
    const abort = new AbortController();
    const promise = pull({
      signal: abort.signal,
      onProgress: ({ done }) => done > 100_000 && abort.abort(),
    });
    await expect(promise).rejects.toThrow();
    expect(cachedFiles()).not.toContain('model.gguf');
  });
});

describe('pull from a file', () => {
  test('uses it where it lies', async () => {
    const path = join(cacheRoot, 'mine.bin');
    await writeFile(path, BODY);
    const result = await pullSource(`file:${path}`, { cacheRoot, sha256: SHA256 });
    expect(result).toMatchObject({ path, bytes: BODY.byteLength });
  });

  test('that is not there is told', async () => {
    const error = await failure(pullSource(`file:${cacheRoot}/none`, { cacheRoot }));
    expect(error.message).toContain('no such file');
  });
});
