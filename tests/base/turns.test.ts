/** Long work in parts: the same at once and in turns. */
import { expect, test } from 'vitest';
import { atOnce, inTurns } from '../../engine/base/turns.ts';
import type { Steps } from '../../engine/base/turns.ts';

function* countTo(n: number): Steps<number> {
  let sum = 0;
  for (let i = 1; i <= n; i++) {
    sum += i;
    yield;
  }
  return sum;
}

test('at once and in turns give the same, with a turn between parts', async () => {
  let nTurn = 0;
  const takeTurn = (): Promise<void> => {
    nTurn++;
    return Promise.resolve();
  };
  expect(atOnce(countTo(4))).toBe(10);
  expect(await inTurns(countTo(4), takeTurn)).toBe(10);
  expect(nTurn).toBe(4);
});
