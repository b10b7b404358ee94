/** Made-up ids of keys cost a bounded number of reads, and no object. */
import { expect, test } from 'vitest';
import { KeyIds, MAX_READS_PER_MINUTE, UNKNOWN_MS } from '../../../worker/access/key-ids.ts';
import { KEY_INDEX, keyIndexText } from '../../../worker/access/key-record.ts';

const idOf = (n: number): string => n.toString(16).padStart(16, '0');

/** A bucket with the list of ids, or without; counts reads. */
function bucketOf(ids: string[] | null) {
  const state = { ids, nRead: 0, isBroken: false };
  const get = (key: string) => {
    expect(key).toBe(KEY_INDEX);
    state.nRead++;
    if (state.isBroken) return Promise.resolve({ body: null, etag: 'x', text: () => 'not JSON' });
    if (state.ids === null) return Promise.resolve(null);
    const text = keyIndexText(state.ids);
    return Promise.resolve({ body: null, etag: text, text: () => Promise.resolve(text) });
  };
  return { state, bucket: { get } as unknown as R2Bucket };
}

test('100,000 unknown ids in a minute are refused with a bounded number of reads', async () => {
  const { state, bucket } = bucketOf([idOf(1)]);
  const ids = new KeyIds();
  for (let n = 2; n < 100_002; n++) {
    const nowMs = Math.floor((n * 60_000) / 100_000);
    if (await ids.mayHold(bucket, idOf(n), nowMs)) throw new Error(`${n} may hold`);
  }
  expect(state.nRead).toBeLessThanOrEqual(2 * MAX_READS_PER_MINUTE);
  expect(await ids.mayHold(bucket, idOf(1), 60_000)).toBe(true);
});

test('a known id costs no further read', async () => {
  const { state, bucket } = bucketOf([idOf(1)]);
  const ids = new KeyIds();
  for (let i = 0; i < 1000; i++) expect(await ids.mayHold(bucket, idOf(1), i)).toBe(true);
  expect(state.nRead).toBe(1);
});

test('one id costs one look in a while', async () => {
  const { state, bucket } = bucketOf([idOf(1)]);
  const ids = new KeyIds();
  for (let i = 0; i < 1000; i++) expect(await ids.mayHold(bucket, idOf(2), i)).toBe(false);
  expect(state.nRead).toBe(1);
});

test('a new key is found at once, and under attack within a second', async () => {
  const { state, bucket } = bucketOf([]);
  const ids = new KeyIds();
  expect(await ids.mayHold(bucket, idOf(1), 0)).toBe(false);
  state.ids = [idOf(1)];
  // Each id is looked for again after a while.
  expect(await ids.mayHold(bucket, idOf(1), UNKNOWN_MS - 1)).toBe(false);
  expect(await ids.mayHold(bucket, idOf(1), UNKNOWN_MS)).toBe(true);
  for (let n = 10; n < 1000; n++) await ids.mayHold(bucket, idOf(n), UNKNOWN_MS);
  state.ids = [idOf(1), idOf(2)];
  expect(await ids.mayHold(bucket, idOf(2), UNKNOWN_MS)).toBe(false);
  expect(await ids.mayHold(bucket, idOf(2), UNKNOWN_MS + 60_000 / MAX_READS_PER_MINUTE)).toBe(true);
});

test('without a list, or with one that cannot be read, the object of the key decides', async () => {
  const none = bucketOf(null);
  expect(await new KeyIds().mayHold(none.bucket, idOf(1), 0)).toBe(true);
  const broken = bucketOf([]);
  broken.state.isBroken = true;
  expect(await new KeyIds().mayHold(broken.bucket, idOf(1), 0)).toBe(true);
});

test('a thousand first requests of a new key are all let through, by one read', async () => {
  const { state, bucket } = bucketOf([idOf(2)]);
  const ids = new KeyIds();
  expect(await ids.mayHold(bucket, idOf(2), 0)).toBe(true);
  state.ids = [idOf(2), idOf(1)];
  const asked = Array.from({ length: 1000 }, () => ids.mayHold(bucket, idOf(1), 0));
  expect(new Set(await Promise.all(asked))).toEqual(new Set([true]));
  expect(state.nRead).toBe(2);
});
