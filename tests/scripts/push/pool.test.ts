/** What a start or a deployment makes of the record in a bucket. */
import { expect, test } from 'vitest';
import { DEFAULT_BUDGET_BYTES } from '../../../engine/placement/assign.ts';
import { addModel, emptyPlacement, rollBack } from '../../../engine/placement/changes.ts';
import type { Placement } from '../../../engine/manifest/placement.ts';
import {
  changePlacement,
  placeModel,
  readPlacement,
  readPlacementOrEmpty,
  requirePlace,
} from '../../../scripts/push/place.ts';
import { describePool } from '../../../scripts/push/describe-placement.ts';
import { fillPool } from '../../../scripts/push/pool.ts';
import type { PoolRequest } from '../../../scripts/push/pool.ts';
import { MIDDLE, SMALL, version } from '../../placement/planned-models.ts';
import { memoryBucket } from '../../support/memory-bucket.ts';

const [A, B] = [version(10), version(11)];
const KEY = 'fleet/placement.json';
const STORED = [
  { manifest: MIDDLE, version: A },
  { manifest: SMALL, version: A },
];

function request(changes: Partial<PoolRequest> = {}): PoolRequest {
  return { nIsolate: 8, budgetBytes: DEFAULT_BUDGET_BYTES, required: new Map(), ...changes };
}

const idsOf = ({ models }: Placement) => models.map(({ id }) => id);

test('what is asked for is placed first and is the default; then what the bucket has', () => {
  const required = new Map([['small', {}]]);
  const filled = fillPool(emptyPlacement(), STORED, request({ required, defaultModel: 'small' }));
  expect(idsOf(filled)).toEqual(['small', 'middle']);
  expect(filled.defaultModel).toBe('small');
});

test('a second start changes nothing', () => {
  const filled = fillPool(emptyPlacement(), STORED, request());
  expect(fillPool(filled, STORED, request())).toBe(filled);
});

test('auto takes as many isolates as the models need', () => {
  const filled = fillPool(emptyPlacement(), STORED, request({ nIsolate: 'auto' }));
  const held = filled.models.flatMap(({ replicas }) => replicas.flatMap(({ pieces }) => pieces));
  expect(filled.nIsolate).toBe(held.length);
  const required = new Map([['small', { nReplica: 3 }]]);
  const more = fillPool(filled, STORED, request({ nIsolate: 'auto', required }));
  expect(more.nIsolate).toBe(filled.nIsolate + 2);
  expect(more.models.some(({ shares }) => shares)).toBe(false);
});

test('a model that was not asked for and does not fit is left out, one that was is refused', () => {
  const leftOut: string[] = [];
  const one = request({ nIsolate: 1, onLeftOut: (id) => leftOut.push(id) });
  expect(idsOf(fillPool(emptyPlacement(), STORED, one))).toEqual(['small']);
  expect(leftOut).toEqual(['middle']);
  const required = new Map([['middle', {}]]);
  expect(() => fillPool(emptyPlacement(), STORED, { ...one, required })).toThrow(/--isolates \d+/);
});

test('models whose files are gone are dropped', () => {
  const filled = fillPool(emptyPlacement(), STORED, request());
  expect(idsOf(fillPool(filled, STORED.slice(1), request()))).toEqual(['small']);
});

test('a start leaves a canary and a rollback as they are', async () => {
  const bucket = memoryBucket();
  await placeModel(bucket, SMALL, A);
  const canary = await placeModel(bucket, SMALL, B, { canaryPercent: 10 });
  const newest = [B, A].map((v) => ({ manifest: SMALL, version: v }));
  const required = new Map([['small', {}]]);
  const started = fillPool(canary, newest, request({ required }));
  expect(started.serving['small']).toMatchObject({ version: A, canary: { version: B } });
  const table = describePool(started).join('\n');
  expect(table).toMatch(/small(?! \()/);
  expect(table).toContain('small (canary)');
  const back = rollBack(addModel(started, SMALL, B), 'small');
  expect(fillPool(back, newest, request({ required }))).toBe(back);
  const pushed = fillPool(back, newest, request({ required, isPush: true }));
  expect(pushed.serving['small']).toEqual({ version: B, canary: null, previous: A });
});

test('what lies as asked is not written again; another context is', async () => {
  const bucket = memoryBucket();
  const first = await placeModel(bucket, SMALL, A);
  expect(await placeModel(bucket, SMALL, A)).toEqual(first);
  // At most what the model was trained for.
  const long = await placeModel(bucket, SMALL, A, { nCtx: 100_000 });
  expect(long).toMatchObject({ revision: 2, models: [{ nCtx: 8192 }] });
  expect(await placeModel(bucket, SMALL, A, { nCtx: 100_000 })).toEqual(long);
});

test('two changes at the same time are both made', async () => {
  const bucket = memoryBucket();
  await Promise.all([placeModel(bucket, SMALL, A), placeModel(bucket, MIDDLE, A)]);
  expect(idsOf(await readPlacement(bucket)).sort()).toEqual(['middle', 'small']);
  expect((await readPlacement(bucket)).revision).toBe(2);
});

test('a change that others always beat is given up', async () => {
  const bucket = { ...memoryBucket(), putIfSame: () => Promise.resolve(false) };
  await expect(placeModel(bucket, SMALL, A)).rejects.toMatchObject({ code: 'E_BUSY' });
});

test('a record that cannot be read is told, and replaced only where that is wanted', async () => {
  const bucket = memoryBucket();
  for (const text of ['{', '{}', 'null']) {
    bucket.objects.set(KEY, text);
    await expect(readPlacement(bucket)).rejects.toMatchObject({ code: 'E_PLACEMENT_INVALID' });
    await expect(placeModel(bucket, SMALL, A)).rejects.toThrow(/thimble plan --write/);
  }
  expect(await readPlacementOrEmpty(bucket)).toEqual(emptyPlacement());
  const change = (before: Placement) => fillPool(before, STORED, request());
  await changePlacement(bucket, change, { replaceInvalid: true });
  expect(idsOf(await readPlacement(bucket))).toEqual(['middle', 'small']);
});

test('a model that would not fit is refused before anything is written', async () => {
  const bucket = memoryBucket();
  await changePlacement(bucket, (before) => ({ ...before, nIsolate: 1, revision: 1 }));
  await expect(requirePlace(bucket, MIDDLE, A)).rejects.toMatchObject({ code: 'E_MEMORY_BUDGET' });
  await expect(requirePlace(bucket, SMALL, A)).resolves.toBeUndefined();
  expect((await readPlacement(bucket)).models).toEqual([]);
});
