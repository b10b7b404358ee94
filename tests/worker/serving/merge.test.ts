/** Several generators as one: order, failures, and that nothing runs ahead or stays behind. */
import { expect, test } from 'vitest';
import { mergeStreams } from '../../../worker/serving/generation/merge.ts';

function counting(nValue: number, failure?: Error) {
  const state = { made: 0, ended: 0 };
  async function* values(): AsyncGenerator<number, void, void> {
    try {
      for (let i = 0; i < nValue; i++) {
        await Promise.resolve();
        state.made++;
        yield i;
      }
      if (failure) throw failure;
    } finally {
      state.ended++;
    }
  }
  return { state, values: values() };
}

test('all values come, each stream in its own order, side by side', async () => {
  const streams = [counting(3), counting(1), counting(5)];
  const merged = await Array.fromAsync(mergeStreams(streams.map(({ values }) => values)));
  expect(merged).toHaveLength(9);
  for (const index of [0, 1, 2]) {
    const own = merged.filter((one) => one.index === index).map(({ value }) => value);
    expect(own).toEqual(own.map((_, i) => i));
  }
  expect(merged.findIndex(({ index }) => index === 2)).toBeLessThan(3);
  expect(streams.map(({ state }) => state.ended)).toEqual([1, 1, 1]);
});

test('no streams are an empty one', async () => {
  expect(await Array.fromAsync(mergeStreams([]))).toEqual([]);
});

test('nothing is made more than one ahead of the reader', async () => {
  const streams = [counting(1000), counting(1000)];
  const merged = mergeStreams(streams.map(({ values }) => values));
  for (let i = 0; i < 10; i++) await merged.next();
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  const made = streams.map(({ state }) => state.made);
  expect((made[0] ?? 0) + (made[1] ?? 0)).toBeLessThanOrEqual(12);
  await merged.return();
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  expect(streams.map(({ state }) => state.ended)).toEqual([1, 1]);
});

test('a failure ends all of them and is thrown', async () => {
  const streams = [counting(1000), counting(2, new Error('broken'))];
  const merged = mergeStreams(streams.map(({ values }) => values));
  await expect(Array.fromAsync(merged)).rejects.toThrow('broken');
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  expect(streams.map(({ state }) => state.ended)).toEqual([1, 1]);
  expect(streams[0]?.state.made).toBeLessThan(10);
});
