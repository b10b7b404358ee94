/** Pushing into the real local R2: nothing twice, nothing listed before it is whole. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importModel } from '../../../scripts/import/import-model.ts';
import type { Bucket } from '../../../scripts/push/bucket.ts';
import { openLocalBucket } from '../../../scripts/push/local-bucket.ts';
import { pushModel } from '../../../scripts/push/push.ts';
import { STORIES_FILE } from '../../support/models.ts';

const ID = 'stories260k';
let dir = '';
let modelsRoot = '';
let real: Bucket;
let bucket: Bucket;
/** What was done to the bucket, in order. */
let done: string[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'thimble-push-'));
  modelsRoot = join(dir, 'models');
  await importModel({ input: STORIES_FILE, id: ID, outRoot: modelsRoot });
  real = await openLocalBucket('models', join(dir, 'state'));
  done = [];
  bucket = {
    ...real,
    put: (key, bytes, sha256) => {
      done.push(`put ${key}`);
      return real.put(key, bytes, sha256);
    },
    delete: (key) => {
      done.push(`delete ${key}`);
      return real.delete(key);
    },
  };
});
afterEach(async () => {
  await real.close();
  await rm(dir, { recursive: true, force: true });
});

const push = () => pushModel(ID, { bucket, modelsRoot });
const manifestKey = `models/${ID}/manifest.json`;

test('shards and tokenizer first, the manifest last; then the model is listed', async () => {
  expect(await bucket.listModelIds()).toEqual([]);
  const { pushedBytes, totalBytes } = await push();
  expect(pushedBytes).toBe(totalBytes);
  expect(done.at(-1)).toBe(`put ${manifestKey}`);
  expect(done.filter((line) => line.endsWith('manifest.json'))).toHaveLength(1);
  expect(done.length).toBeGreaterThan(2);
  expect(await bucket.listModelIds()).toEqual([ID]);
  const text = await readFile(join(modelsRoot, ID, 'manifest.json'), 'utf8');
  expect(await bucket.getText(manifestKey)).toBe(text);
});

test('a second push writes nothing', async () => {
  await push();
  done = [];
  expect(await push()).toMatchObject({ pushedBytes: 0 });
  expect(done).toEqual([]);
});

test('only what is missing or different is written, with the manifest out of sight', async () => {
  await push();
  await real.delete(`models/${ID}/tokenizer.json`);
  done = [];
  await push();
  expect(done).toEqual([
    `delete ${manifestKey}`,
    `put models/${ID}/tokenizer.json`,
    `put ${manifestKey}`,
  ]);
});

test('a push that is cut off lists no model, and the next one only adds the rest', async () => {
  let left = 1;
  const cut: Bucket = {
    ...bucket,
    put: (key, bytes, sha256) =>
      left-- > 0 ? bucket.put(key, bytes, sha256) : Promise.reject(new Error('unplugged')),
  };
  await expect(pushModel(ID, { bucket: cut, modelsRoot })).rejects.toThrow('unplugged');
  expect(await bucket.listModelIds()).toEqual([]);
  done = [];
  expect((await push()).nSkipped).toBe(1);
  expect(await bucket.listModelIds()).toEqual([ID]);
});

test('a damaged file on this disk is refused and named, and nothing becomes visible', async () => {
  const path = join(modelsRoot, ID, 'tokenizer.json');
  const bytes = await readFile(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  await writeFile(path, bytes);
  await expect(push()).rejects.toMatchObject({ code: 'E_WEIGHTS_HASH' });
  await expect(push()).rejects.toThrow(/tokenizer\.json: expected SHA-256 \w{64}, got \w{64}/);
  expect(await bucket.listModelIds()).toEqual([]);
});

test('the bucket itself checks the hash', async () => {
  await expect(real.put('models/x/y', new Uint8Array(3), 'ab'.repeat(32))).rejects.toThrow();
  expect(await real.head?.('models/x/y')).toBeNull();
});

test('a bucket that cannot be asked is believed by its manifest', async () => {
  await push();
  const blind: Bucket = { ...bucket, head: null, listModelIds: () => Promise.resolve(null) };
  done = [];
  expect(await pushModel(ID, { bucket: blind, modelsRoot })).toMatchObject({ pushedBytes: 0 });
  expect(done).toEqual([]);
});
