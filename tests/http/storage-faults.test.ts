/** Damaged or missing objects in the bucket: refused, named, nothing served from them. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { manifestKey, modelKey } from '../../worker/platform/model-keys.ts';
import type { ModelFile } from '../../engine/manifest/manifest.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';

// own server: each test has one, whose storage it damages.
let server: TestServer | null = null;

afterEach(async () => {
  await server?.close();
  server = null;
});

interface StoredManifest {
  shards: [ModelFile, ...ModelFile[]];
  tokenizer: ModelFile;
}

async function readManifest(bucket: Bucket): Promise<StoredManifest> {
  const text = await bucket.getText(manifestKey(STORIES_ID));
  return JSON.parse(text ?? '') as StoredManifest;
}

/** Serves with the bucket changed, and asks for one token. */
async function askWith(
  change: (bucket: Bucket, manifest: StoredManifest) => Promise<void>,
): Promise<{ response: Response; message: string; code: string }> {
  server = await startTestServer({
    prepare: async (bucket) => await change(bucket, await readManifest(bucket)),
  });
  const response = await server.post('/v1/completions', { prompt: 'Once', max_tokens: 1 });
  const { error } = await response.json<{ error: { message: string; code: string } }>();
  return { response, ...error };
}

async function put(bucket: Bucket, key: string, bytes: Uint8Array): Promise<void> {
  await bucket.put(key, bytes, sha256(bytes));
}

/** The file in which local R2 keeps an object of `bytes` bytes. */
async function findBlob(stateRoot: string, bytes: number): Promise<string> {
  for (const entry of await readdir(stateRoot, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const isBlob = entry.isFile() && entry.parentPath.endsWith('blobs');
    if (isBlob && (await stat(path)).size === bytes) return path;
  }
  throw new Error(`no stored object of ${bytes} bytes`);
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('a shard whose bytes do not match is refused by name', async () => {
  let file = '';
  const { response, message, code } = await askWith(async (bucket, { shards }) => {
    file = shards[0].file;
    await put(bucket, modelKey(STORIES_ID, shards[0]), new Uint8Array(shards[0].bytes));
  });
  expect([response.status, code]).toEqual([500, 'E_WEIGHTS_HASH']);
  expect(message).toContain(file);
  expect((await fetch(`${server?.url}/readyz`)).status).toBe(500);
});

test('a shard that is cut short is refused by name', async () => {
  const { response, message, code } = await askWith(async (bucket, { shards }) => {
    await put(bucket, modelKey(STORIES_ID, shards[0]), new Uint8Array(100));
  });
  expect([response.status, code]).toEqual([500, 'E_WEIGHTS_HASH']);
  expect(message).toContain('got 100');
});

test('a missing shard is named, with 503 and Retry-After, and served once it is there', async () => {
  let [file, key] = ['', ''];
  const { response, message, code } = await askWith(async (bucket, { shards }) => {
    [file, key] = [shards[0].file, modelKey(STORIES_ID, shards[0])];
    await bucket.delete(key);
  });
  expect([response.status, code]).toEqual([503, 'E_WEIGHTS_FETCH']);
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  expect(message).toContain(file);
  if (server === null) throw new Error('no server');
  await put(server.bucket, key, await readFile(join(server.modelsRoot, STORIES_ID, file)));
  const again = await server.post('/v1/completions', { prompt: 'Once', max_tokens: 1 });
  expect(again.status).toBe(200);
});

test('storage that fails while a shard is read is asked again, then 503 with Retry-After', async () => {
  server = await startTestServer();
  const { shards } = await readManifest(server.bucket);
  const path = await findBlob(server.stateRoot, shards[0].bytes);
  const whole = await readFile(path);
  // Local R2 knows the object's length and breaks off when its file is shorter.
  await truncate(path, 5000);
  const response = await server.post('/v1/completions', { prompt: 'Once', max_tokens: 1 });
  const { error } = await response.json<{
    error: { code: string; details: { attempts: number } };
  }>();
  expect([response.status, error.code]).toEqual([503, 'E_WEIGHTS_FETCH']);
  expect(error.details.attempts).toBeGreaterThan(1);
  expect(response.headers.get('retry-after')).toMatch(/^\d+$/);
  await writeFile(path, whole);
  const again = await server.post('/v1/completions', { prompt: 'Once', max_tokens: 1 });
  expect(again.status).toBe(200);
});

test('a tokenizer that does not match its manifest is refused', async () => {
  const { response, message, code } = await askWith(async (bucket, { tokenizer }) => {
    await put(bucket, modelKey(STORIES_ID, tokenizer), new TextEncoder().encode('{}'));
  });
  expect([response.status, code]).toEqual([500, 'E_WEIGHTS_HASH']);
  expect(message).toContain('tokenizer.json');
});

test('a damaged manifest is refused and not listed', async () => {
  const { response, code } = await askWith(async (bucket) => {
    await put(bucket, manifestKey(STORIES_ID), new TextEncoder().encode('{"formatVersion": 1'));
  });
  expect([response.status, code]).toEqual([500, 'E_MANIFEST_INVALID']);
  const list = await (await fetch(`${server?.url}/v1/models`)).json<{ data: unknown[] }>();
  expect(list.data).toEqual([]);
});

test('a model without a manifest is not there: not listed, 404, not ready', async () => {
  const { response, code } = await askWith(async (bucket) => {
    await bucket.delete(manifestKey(STORIES_ID));
  });
  expect([response.status, code]).toEqual([404, 'model_not_found']);
  const list = await (await fetch(`${server?.url}/v1/models`)).json<{ data: unknown[] }>();
  expect(list.data).toEqual([]);
  const ready = await fetch(`${server?.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(ready.headers.get('retry-after')).not.toBeNull();
});

test('a memory plan over budget is refused with its numbers', async () => {
  server = await startTestServer({ vars: { MEMORY_BUDGET_BYTES: '5000000' } });
  const response = await server.post('/v1/completions', { prompt: 'Once', max_tokens: 1 });
  expect(response.status).toBe(507);
  const { error } = await response.json<{ error: { details: Record<string, number> } }>();
  expect(error.details['budgetBytes']).toBe(5_000_000);
  expect(error.details['totalBytes']).toBeGreaterThan(5_000_000);
});
