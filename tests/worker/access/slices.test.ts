/** Slices of a deployment's cap. */
import { expect, test } from 'vitest';
import { sliceOf } from '../../../worker/access/limits.ts';

const CAP = 100_000_000;

test('many accounts that use little do not use up the cap', () => {
  const need = 2000;
  let given = 0;
  for (let account = 0; account < 10_000; account++) {
    const slice = sliceOf(need, CAP, given);
    expect(slice).toBeGreaterThanOrEqual(need);
    given += slice!;
  }
  expect(given).toBeLessThanOrEqual(CAP);
});

test('a slice is a small part of the cap, and of what is left; the last go round', () => {
  expect(sliceOf(CAP / 100, CAP, 0)).toBe(CAP / 64);
  expect(sliceOf(10, CAP, CAP - 320)).toBe(20);
  expect(sliceOf(10, CAP, CAP - 10)).toBe(10);
  expect(sliceOf(10, CAP, CAP - 9)).toBeNull();
  expect(sliceOf(0, CAP, CAP)).toBe(0);
  expect(sliceOf(5, Infinity, 0)).toBeGreaterThan(CAP);
});
