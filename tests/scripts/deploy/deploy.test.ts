/** What a deployment does to an account, and in which order. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deployTo, readModel } from '../../../scripts/deploy/deploy.ts';
import type { DeployTarget } from '../../../scripts/deploy/deploy.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { distDir } from '../../../scripts/lib/paths.ts';
import { createKey, revokeKey } from '../../../scripts/push/keys.ts';
import { readPlacement } from '../../../scripts/push/place.ts';
import { memoryBucket } from '../../support/memory-bucket.ts';
import { STORIES_FILE } from '../../support/models.ts';

const ID = 'stories260k';
const PAID = { plan: 'paid' } as const;
let modelsRoot = '';
let target: DeployTarget;
let bucket: ReturnType<typeof memoryBucket>;
/** Scripts and writes, in order. */
let done: string[] = [];

beforeAll(async () => {
  modelsRoot = await mkdtemp(join(tmpdir(), 'thimble-deploy-'));
  await importModel({ input: STORIES_FILE, id: ID, outRoot: modelsRoot });
});
afterAll(() => rm(modelsRoot, { recursive: true, force: true }));
beforeEach(() => {
  bucket = memoryBucket();
  done = [];
  target = {
    modelsRoot,
    bucket: {
      ...bucket,
      putIfSame: async (key, ...rest) => {
        done.push(key);
        return await bucket.putIfSame(key, ...rest);
      },
    },
    runScript: (name) => {
      done.push(name);
      return Promise.resolve([`https://${name}.example.workers.dev`]);
    },
  };
});

/** The model as if it had the layers of a much larger one: it fits no small pool. */
async function tooLarge() {
  const model = await readModel(ID, modelsRoot);
  const shards = 'shards' in model.manifest ? model.manifest.shards : [];
  const large = shards.map((shard) => ({ ...shard, bytes: 120_000_000 }));
  return { ...model, manifest: { ...model.manifest, shards: large } } as typeof model;
}

test('the record is written before the gateway, after everything it names', async () => {
  const model = await readModel(ID, modelsRoot);
  const result = await deployTo(target, model, { ...PAID, nIsolate: 2 });
  expect(done).toEqual([
    ...['fleet/deploying.json', 'thimble-stage-1', 'thimble-stage', 'thimble-audio'],
    ...['thimble-documents', 'thimble-onnx', 'fleet/placement.json', 'thimble-gateway'],
  ]);
  expect(result.urls.at(-1)).toBe('https://thimble-gateway.example.workers.dev');
  const placement = await readPlacement(bucket);
  expect(placement).toMatchObject({ nIsolate: 2, overlap: true, defaultModel: ID });
  expect(await bucket.listModelIds()).toEqual([ID]);
  expect(bucket.objects.has('fleet/deploying.json')).toBe(false);
});

test('a model that does not fit is refused before anything is written or deployed', async () => {
  const refused = deployTo(target, await tooLarge(), { ...PAID, nIsolate: 1 });
  await expect(refused).rejects.toMatchObject({ code: 'E_MEMORY_BUDGET' });
  expect(done).toEqual(['fleet/deploying.json']);
  expect(bucket.objects.size).toBe(0);
});

test('of two deployments at the same time the second is told so, and nothing is mixed', async () => {
  const model = await readModel(ID, modelsRoot);
  const both = [3, 2].map((nIsolate) => deployTo(target, model, { ...PAID, nIsolate }));
  const results = await Promise.allSettled(both);
  const refused = results.filter(({ status }) => status === 'rejected');
  expect(refused).toMatchObject([{ reason: { code: 'E_BUSY' } }]);
  const stages = done.filter((name) => name.startsWith('thimble-stage'));
  expect((await readPlacement(bucket)).nIsolate).toBe(stages.length);
  // After the first has ended.
  await deployTo(target, model, { ...PAID, nIsolate: 4 });
  expect((await readPlacement(bucket)).nIsolate).toBe(4);
});

test('a smaller pool names the scripts that are no longer used; without a number it stays', async () => {
  const model = await readModel(ID, modelsRoot);
  await deployTo(target, model, { ...PAID, nIsolate: 4 });
  expect((await deployTo(target, null, PAID)).placement.nIsolate).toBe(4);
  const { unused, placement } = await deployTo(target, null, { ...PAID, nIsolate: 2 });
  expect(unused).toEqual(['thimble-stage-3', 'thimble-stage-2']);
  expect(placement).toMatchObject({ nIsolate: 2, defaultModel: ID, models: [{ id: ID }] });
});

test('a new version answers after its deployment, and the one before is kept', async () => {
  const path = join(modelsRoot, ID, 'manifest.json');
  const first = await readModel(ID, modelsRoot);
  await deployTo(target, first, PAID);
  const text = await readFile(path, 'utf8');
  try {
    await writeFile(path, text.replace('"card"', '"card" '));
    const second = await readModel(ID, modelsRoot);
    expect(second.version).not.toBe(first.version);
    const { placement } = await deployTo(target, second, PAID);
    expect(placement.serving[ID]).toMatchObject({
      version: second.version,
      previous: first.version,
    });
  } finally {
    await writeFile(path, text);
  }
});

test('a script that is refused leaves the record as it was, and the way free', async () => {
  const model = await readModel(ID, modelsRoot);
  const broken = { ...target, runScript: () => Promise.reject(new Error('refused')) };
  await expect(deployTo(broken, model, PAID)).rejects.toThrow('refused');
  expect((await readPlacement(bucket)).revision).toBe(0);
  expect((await deployTo(target, model, PAID)).placement.defaultModel).toBe(ID);
});

test('the first deployment makes a key for the watermark, and later ones keep it', async () => {
  const model = await readModel(ID, modelsRoot);
  await deployTo(target, model, PAID);
  const record = await bucket.getText('policy/watermark.json');
  expect(JSON.parse(record!)).toEqual({
    version: 1,
    key: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  await deployTo(target, null, PAID);
  expect(await bucket.getText('policy/watermark.json')).toBe(record);
});

test('a deployment asks for keys unless it is public, and knows how many there are', async () => {
  const model = await readModel(ID, modelsRoot);
  const configOf = async () =>
    await readFile(join(distDir, 'deploy', 'thimble-gateway.toml'), 'utf8');
  const first = await deployTo(target, model, PAID);
  expect(first.access).toEqual({ mode: 'keys', origins: [], nKey: 0 });
  expect(await configOf()).toMatch(/^ACCESS = "keys"$/m);
  const options = {
    name: 'a',
    scopes: ['chat'],
    models: null,
    expiresAt: null,
    limits: null,
  } as const;
  const { record } = await createKey(target.bucket, options);
  await createKey(target.bucket, { ...options, expiresAt: new Date(0) });
  const origins = ['https://app.example'];
  const second = await deployTo(target, null, { ...PAID, origins });
  expect(second.access).toEqual({ mode: 'keys', origins, nKey: 1 });
  expect(await configOf()).toMatch(/^ALLOWED_ORIGINS = "https:\/\/app.example"$/m);
  await revokeKey(target.bucket, record.id);
  expect((await deployTo(target, null, PAID)).access.nKey).toBe(0);
  const open = await deployTo(target, null, { ...PAID, isPublic: true });
  expect(open.access).toEqual({ mode: 'public', origins: [], nKey: null });
  expect(await configOf()).toMatch(/^ACCESS = "public"$/m);
});
