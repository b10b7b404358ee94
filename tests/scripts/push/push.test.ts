/** Pushing into the real local R2: nothing twice, nothing listed before it is whole. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importModel } from '../../../scripts/import/import-model.ts';
import type { Bucket } from '../../../scripts/push/bucket.ts';
import { incompleteModels } from '../../../scripts/push/incomplete-models.ts';
import { openLocalBucket } from '../../../scripts/push/local-bucket.ts';
import { pushModel } from '../../../scripts/push/push.ts';
import { modelFiles, parseManifest } from '../../../engine/manifest/manifest.ts';
import type { Manifest } from '../../../engine/manifest/manifest.ts';
import { hashBytes } from '../../../scripts/lib/hash-file.ts';
import { modelKey, versionKey, versionOf } from '../../../worker/platform/model-keys.ts';
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

async function manifest(): Promise<Manifest> {
  const text = await readFile(join(modelsRoot, ID, 'manifest.json'), 'utf8');
  return parseManifest(JSON.parse(text));
}
/** A manifest as imports write it. */
const textOf = (of: Manifest) => `${JSON.stringify(of)}\n`;
const versionOfManifest = (of: Manifest) =>
  versionOf(hashBytes(new TextEncoder().encode(textOf(of))));
function keyOf(of: Manifest, file: string): string {
  return modelKey(
    ID,
    modelFiles(of).find((row) => row.file === file)!,
  );
}

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

test('only what is missing is written, the manifest last', async () => {
  await push();
  const tokenizerKey = keyOf(await manifest(), 'tokenizer.json');
  expect(tokenizerKey).toMatch(/^models\/stories260k\/[0-9a-f]{16}-tokenizer\.json$/);
  await real.delete(tokenizerKey);
  done = [];
  await push();
  expect(done.filter((line) => !line.includes('/versions/'))).toEqual([
    `put ${tokenizerKey}`,
    `put ${manifestKey}`,
  ]);
});

test('a model whose files are gone, or whose manifest cannot be read, is named as incomplete', async () => {
  await push();
  expect(await incompleteModels(bucket)).toEqual([]);
  const of = await manifest();
  const { file } = modelFiles(of).at(-1);
  await real.delete(keyOf(of, file));
  expect(await incompleteModels(bucket)).toEqual([ID]);
  await push();
  expect(await incompleteModels(bucket)).toEqual([]);
  const bytes = new TextEncoder().encode('{}');
  await real.put('models/old/manifest.json', bytes, hashBytes(bytes));
  expect(await incompleteModels(bucket)).toEqual(['old']);
});

test('the files of the version before stay readable, those of older ones are deleted', async () => {
  const versions: Manifest[] = [];
  for (const preset of ['lossless', 'q8', 'q4'] as const) {
    await importModel({ input: STORIES_FILE, id: ID, outRoot: modelsRoot, preset, force: true });
    versions.push(await manifest());
    // What is read by a Worker that was started before this push.
    const before = versions.at(-2);
    await push();
    for (const served of before === undefined ? [] : [before])
      for (const { file, sha256, bytes } of modelFiles(served))
        expect(await real.head?.(keyOf(served, file))).toEqual({ bytes, sha256 });
  }
  const [first, second, third] = versions as [Manifest, Manifest, Manifest];
  const gone = modelFiles(first).filter(({ file }) => file !== 'tokenizer.json');
  expect(gone.length).toBeGreaterThan(0);
  for (const { file } of gone) expect(await real.head?.(keyOf(first, file))).toBeNull();
  for (const kept of [second, third])
    for (const { file } of modelFiles(kept))
      expect(await real.head?.(keyOf(kept, file))).not.toBeNull();
  expect(await real.getText(manifestKey)).toBe(textOf(third));
  expect(await real.getText(versionKey(ID, versionOfManifest(second)))).toBe(textOf(second));
  expect(await real.getText(versionKey(ID, versionOfManifest(first)))).toBeNull();
});

test('a version that was pushed before is pushed again without its files', async () => {
  await push();
  const text = await readFile(join(modelsRoot, ID, 'manifest.json'));
  await importModel({
    input: STORIES_FILE,
    id: ID,
    outRoot: modelsRoot,
    preset: 'q8',
    force: true,
  });
  await push();
  await importModel({ input: STORIES_FILE, id: ID, outRoot: modelsRoot, force: true });
  await writeFile(join(modelsRoot, ID, 'manifest.json'), text);
  done = [];
  expect(await push()).toMatchObject({ pushedBytes: 0 });
  expect(done.at(-1)).toBe(`put ${manifestKey}`);
  expect(done.filter((line) => line.startsWith('delete'))).toEqual([]);
  expect(await real.getText(manifestKey)).toBe(text.toString());
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
