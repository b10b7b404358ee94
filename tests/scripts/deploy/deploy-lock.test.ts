import { expect, test } from 'vitest';
import { withDeployLock } from '../../../scripts/deploy/deploy-lock.ts';
import { memoryBucket } from '../../support/memory-bucket.ts';

const MINUTE_MS = 60_000;

test('a second deployment is refused while the first runs, and goes after it', async () => {
  const bucket = memoryBucket();
  const { promise, resolve } = Promise.withResolvers<string>();
  const first = withDeployLock(bucket, () => promise);
  const second = () => withDeployLock(bucket, () => Promise.resolve('second'));
  await expect(second()).rejects.toMatchObject({ code: 'E_BUSY' });
  await expect(second()).rejects.toThrow(/another deployment runs.*30 minutes/);
  resolve('first');
  expect(await first).toBe('first');
  expect(await second()).toBe('second');
  expect(bucket.objects.size).toBe(0);
});

test('of two at the same moment one goes on', async () => {
  const bucket = memoryBucket();
  const { promise, resolve } = Promise.withResolvers<void>();
  const both = [0, 1].map((n) => withDeployLock(bucket, () => promise.then(() => n)));
  const settled = Promise.allSettled(both);
  resolve();
  const results = (await settled).map(({ status }) => status).sort();
  expect(results).toEqual(['fulfilled', 'rejected']);
});

test('one that fails makes way; one that was cut off does so after half an hour', async () => {
  const bucket = memoryBucket();
  const failing = withDeployLock(bucket, () => Promise.reject(new Error('wrangler')));
  await expect(failing).rejects.toThrow('wrangler');
  expect(bucket.objects.size).toBe(0);
  const startedAt = new Date(0).toISOString();
  const cutOff = JSON.stringify({ id: 'gone', startedAt });
  const after = (minutes: number) => {
    bucket.objects.set('fleet/deploying.json', cutOff);
    return withDeployLock(
      bucket,
      () => Promise.resolve(1),
      () => minutes * MINUTE_MS,
    );
  };
  await expect(after(29)).rejects.toThrow(startedAt);
  expect(await after(31)).toBe(1);
  bucket.objects.set('fleet/deploying.json', 'not JSON');
  expect(await withDeployLock(bucket, () => Promise.resolve(2))).toBe(2);
});
