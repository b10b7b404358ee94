/** Subjects take turns in a queue, and none of them fills it alone. */
import { expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { RunQueue } from '../../engine/base/run-queue.ts';

const MAX_WAITING = 8;
const newQueue = () =>
  new RunQueue({
    maxWaiting: MAX_WAITING,
    busy: (nWaiting) => new EngineError('E_BUSY', `${nWaiting} wait`, { details: { nWaiting } }),
    aborted: 'stopped',
  });
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('a subject with many waiting delays another by one of them', async () => {
  const queue = newQueue();
  const order: string[] = [];
  const run = async (subject: string, name: string) => {
    const leave = await queue.enter(undefined, subject);
    order.push(name);
    await nextTurn();
    leave();
  };
  const greedy = Array.from({ length: 6 }, (_, i) => run('greedy', `greedy ${i}`));
  await Promise.all([...greedy, run('modest', 'modest 0'), run('modest', 'modest 1')]);
  expect(order).toEqual([
    'greedy 0',
    'greedy 1',
    'modest 0',
    'greedy 2',
    'modest 1',
    'greedy 3',
    'greedy 4',
    'greedy 5',
  ]);
});

test('where too many wait, the last of the subject with most makes room', async () => {
  const queue = newQueue();
  const leave = await queue.enter(undefined, 'greedy');
  const greedy = Array.from({ length: MAX_WAITING }, () => queue.enter(undefined, 'greedy'));
  await expect(queue.enter(undefined, 'greedy')).rejects.toMatchObject({ code: 'E_BUSY' });
  const modest = queue.enter(undefined, 'modest');
  await expect(greedy.at(-1)).rejects.toMatchObject({ code: 'E_BUSY', details: { nWaiting: 8 } });
  expect(queue.nWaiting).toBe(MAX_WAITING);
  leave();
  (await greedy[0]!)();
  (await modest)();
  for (const entered of greedy.slice(1, -1)) (await entered)();
  expect([queue.nRunning, queue.nWaiting]).toEqual([0, 0]);
});

test('a subject with as many waiting as the others is refused', async () => {
  const queue = newQueue();
  const leave = await queue.enter();
  const entered = Array.from({ length: MAX_WAITING }, (_, i) =>
    queue.enter(undefined, i % 2 === 0 ? 'a' : 'b'),
  );
  await expect(queue.enter(undefined, 'a')).rejects.toMatchObject({ code: 'E_BUSY' });
  leave();
  // Leaving lets the next in, whoever it is.
  await Promise.all(entered.map(async (one) => (await one)()));
  expect(queue.nWaiting).toBe(0);
});
