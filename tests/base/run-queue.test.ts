/** Whose run it is, who may still come, and what happens when somebody leaves. */
import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { EngineError, unloaded } from '../../engine/base/errors.ts';
import { RunQueue } from '../../engine/base/run-queue.ts';

const newQueue = (maxWaiting = 3) =>
  new RunQueue({
    maxWaiting,
    busy: (nWaiting) => new EngineError('E_BUSY', `${nWaiting} wait`, { details: { nWaiting } }),
    aborted: 'stopped',
  });
const state = ({ nRunning, nWaiting }: RunQueue) => [nRunning, nWaiting];
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('first come, first served, one at a time', async () => {
  const queue = newQueue();
  const order: string[] = [];
  const run = async (name: string, signal?: AbortSignal) => {
    const leave = await queue.enter(signal);
    order.push(`${name} in`);
    await nextTurn();
    order.push(`${name} out`);
    expect(queue.nRunning).toBe(1);
    leave();
  };
  const { signal } = new AbortController();
  await Promise.all([run('a'), run('b', signal), run('c')]);
  expect(order).toEqual(['a in', 'a out', 'b in', 'b out', 'c in', 'c out']);
  expect(state(queue)).toEqual([0, 0]);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test('leaving twice lets one in, not two', async () => {
  const queue = newQueue();
  const leave = await queue.enter();
  const [second, third] = [queue.enter(), queue.enter()];
  leave();
  leave();
  const leaveSecond = await second;
  await nextTurn();
  expect(state(queue)).toEqual([1, 1]);
  leaveSecond();
  (await third)();
  expect(state(queue)).toEqual([0, 0]);
});

test('who leaves while waiting makes room, and lets nobody in early', async () => {
  const queue = newQueue(2);
  const leave = await queue.enter();
  const abort = new AbortController();
  const left = queue.enter(abort.signal);
  const third = queue.enter();
  await expect(queue.enter()).rejects.toMatchObject({ code: 'E_BUSY', details: { nWaiting: 2 } });
  abort.abort();
  await expect(left).rejects.toMatchObject({ code: 'E_ABORTED', message: 'stopped' });
  expect(state(queue)).toEqual([1, 1]);
  const fourth = queue.enter();
  await nextTurn();
  expect(state(queue)).toEqual([1, 2]);
  leave();
  (await third)();
  (await fourth)();
  expect(state(queue)).toEqual([0, 0]);
});

test("who comes aborted never runs, and stands in nobody's way", async () => {
  const queue = newQueue();
  await expect(queue.enter(AbortSignal.abort())).rejects.toMatchObject({ code: 'E_ABORTED' });
  (await queue.enter())();
  expect(state(queue)).toEqual([0, 0]);
});

test('a closed queue lets in who waits, and nobody else', async () => {
  const queue = newQueue();
  const leave = await queue.enter();
  const second = queue.enter();
  queue.close(unloaded('m'));
  await expect(queue.enter()).rejects.toMatchObject({ code: 'E_BACKEND_UNAVAILABLE' });
  leave();
  (await second)();
  expect(state(queue)).toEqual([0, 0]);
});
