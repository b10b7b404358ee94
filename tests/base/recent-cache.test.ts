/** The one cache: against a plain list that does the same slowly. */
import { expect, test } from 'vitest';
import { RecentCache } from '../../engine/base/recent-cache.ts';
import { seededRandom } from '../support/random.ts';

test('the least recently used goes first, and is told of', () => {
  const gone: string[] = [];
  const cache = new RecentCache<string, string>({ maxEntries: 2, onEvict: (v) => gone.push(v) });
  cache.set('a', 'A');
  cache.set('b', 'B');
  expect(cache.get('a')).toBe('A');
  cache.set('c', 'C');
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual(['A', undefined, 'C']);
  expect(gone).toEqual(['B']);
});

test('what is too large alone stays alone', () => {
  const cache = new RecentCache<string, number>({ maxSize: 10, sizeOf: (n) => n });
  cache.set('a', 6);
  cache.set('b', 40);
  expect([cache.get('a'), cache.get('b'), cache.size]).toEqual([undefined, 40, 40]);
  cache.set('c', 1);
  expect([cache.get('b'), cache.get('c'), cache.size]).toEqual([undefined, 1, 1]);
});

test('what is deleted or replaced is not told of, and frees its size', () => {
  const gone: number[] = [];
  const cache = new RecentCache<string, number>({
    ...{ maxSize: 10, sizeOf: (n) => n },
    onEvict: (n) => gone.push(n),
  });
  cache.set('a', 8);
  cache.set('a', 3);
  cache.set('b', 7);
  expect([cache.size, gone]).toEqual([10, []]);
  cache.delete('a');
  cache.delete('a');
  expect(cache.size).toBe(7);
});

test('any order of calls leaves what a plain list would', () => {
  const random = seededRandom(7);
  const cache = new RecentCache<number, number>({ maxEntries: 5, maxSize: 40, sizeOf: (n) => n });
  let list: [key: number, value: number][] = [];
  for (let step = 0; step < 2000; step++) {
    const key = Math.floor(random() * 9);
    const found = list.find(([other]) => other === key);
    if (random() < 0.4) {
      expect(cache.get(key)).toBe(found?.[1]);
      if (found !== undefined) list = [...list.filter((row) => row !== found), found];
    } else if (random() < 0.2) {
      cache.delete(key);
      list = list.filter((row) => row !== found);
    } else {
      const value = 1 + Math.floor(random() * 20);
      cache.set(key, value);
      list = [...list.filter((row) => row !== found), [key, value]];
      const total = () => list.reduce((sum, [, n]) => sum + n, 0);
      while (list.length > 1 && (list.length > 5 || total() > 40)) list.shift();
    }
    expect(cache.size).toBe(list.reduce((sum, [, n]) => sum + n, 0));
  }
});
