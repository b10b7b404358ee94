/** Ids sort by age. */
import { expect, test } from 'vitest';
import { isObjectId, newObjectId } from '../../../worker/platform/storage/object-id.ts';

test('the newest comes first, whatever is random in it', () => {
  const times = [0, 1, 2, 15, 16, 1_700_000_000_000, 1_700_000_000_001, 4_000_000_000_000];
  const ids = times.map((time) => newObjectId('file-', time));
  expect(ids.toSorted()).toEqual(ids.toReversed());
  expect(new Set(Array.from({ length: 100 }, () => newObjectId('file-', 5))).size).toBe(100);
});

test('an id is known by its form', () => {
  const id = newObjectId('file-');
  expect(isObjectId('file-', id)).toBe(true);
  for (const other of ['', 'file-', `${id}0`, id.slice(0, -1), id.replace('file-', 'batch_')])
    expect([other, isObjectId('file-', other)]).toEqual([other, false]);
  expect(isObjectId('file-', `file-${'../'.repeat(10)}ab`)).toBe(false);
  expect(isObjectId('file-', id.toUpperCase())).toBe(false);
});
