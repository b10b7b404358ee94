/** Scopes take turns among waiting generations, by what they have running. */
import { expect, test } from 'vitest';
import { fairOrder, lastOfLargest } from '../../engine/generate/fair-order.ts';

const rows = (text: string, from = 0) =>
  [...text].map((scope, i) => ({ scope, age: from + i, name: `${scope}${from + i}` }));
const order = (waiting: string, running = '') =>
  [...fairOrder(rows(waiting, 100), rows(running))].map(({ scope }) => scope).join('');

test.each([
  ['one scope keeps its order', 'aaaa', '', 'aaaa'],
  ['scopes take turns, the first to come first', 'aaabbc', '', 'abcaba'],
  [
    'one with a hundred delays one with one by one',
    `${'a'.repeat(100)}b`,
    '',
    `ab${'a'.repeat(99)}`,
  ],
  ['what runs already counts', 'aab', 'aa', 'baa'],
  ['a scope that has most waits longest', 'abc', 'aabbb', 'cab'],
  ['nobody waits', '', 'ab', ''],
])('%s', (_, waiting, running, expected) => {
  expect(order(waiting, running)).toBe(expected);
});

test('within a scope the oldest goes first, however the list is sorted', () => {
  const waiting = rows('aaa').reverse();
  expect([...fairOrder(waiting, [])].map(({ age }) => age)).toEqual([0, 1, 2]);
});

test.each([
  ['aaab', 'a2'],
  ['abab', 'b3'],
  ['b', 'b0'],
  ['', undefined],
])('of %s the last of the largest scope gives way', (waiting, expected) => {
  expect(lastOfLargest(rows(waiting))?.name).toBe(expected);
});
