/** Work that requests share, and a request that ends in the middle of it. */
import { afterEach, expect, test, vi } from 'vitest';
import { MAX_SHARED_MS, SharedWork } from '../../../worker/platform/shared-work.ts';

afterEach(() => vi.useRealTimers());

test('those that arrive in the meantime share the result; later ones do not', async () => {
  const shared = new SharedWork<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let nWork = 0;
  const work = (): Promise<number> => (nWork++, promise);
  const asked = [
    shared.run('a', work),
    shared.run('a', work),
    shared.run('b', () => Promise.resolve(7)),
  ];
  resolve(3);
  expect(await Promise.all(asked)).toEqual([3, 3, 7]);
  expect(nWork).toBe(1);
  expect(await shared.run('a', work)).toBe(3);
  expect(nWork).toBe(2);
});

test('work that never ends, as its request has, is done again', async () => {
  vi.useFakeTimers();
  const shared = new SharedWork<number>();
  void shared.run('a', () => new Promise<number>(() => undefined));
  const second = shared.run('a', () => Promise.resolve(5));
  await vi.advanceTimersByTimeAsync(MAX_SHARED_MS);
  expect(await second).toBe(5);
  // Nobody waits for it any more.
  expect(await shared.run('a', () => Promise.resolve(6))).toBe(6);
});

test('a failure is that of the request which did the work', async () => {
  const shared = new SharedWork<number>();
  const { promise, reject } = Promise.withResolvers<number>();
  const first = shared.run('a', () => promise);
  const second = shared.run('a', () => Promise.resolve(2));
  reject(new Error('the client has left'));
  await expect(first).rejects.toThrow('left');
  expect(await second).toBe(2);
});
