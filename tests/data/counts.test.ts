/** Lengths and groups as they are counted, against counts by hand. */
import { describe, expect, test } from 'vitest';
import { Distribution } from '../../engine/data/distribution.ts';
import { GROUP_TERMS, GroupCounter } from '../../engine/data/groups.ts';

describe('a distribution', () => {
  test('has exact quantiles and bars that double', () => {
    const lengths = new Distribution();
    for (let value = 2000; value >= 0; value--) lengths.add(value);
    const { n, mean, quantiles, bars } = lengths.summary();
    expect([n, mean]).toEqual([2001, 1000]);
    expect(quantiles).toEqual([0, 100, 500, 1000, 1500, 1900, 2000]);
    expect(bars.slice(0, 4)).toEqual([
      { from: 0, to: 0, count: 1 },
      { from: 1, to: 1, count: 1 },
      { from: 2, to: 3, count: 2 },
      { from: 4, to: 7, count: 4 },
    ]);
    expect(bars.reduce((sum, { count }) => sum + count, 0)).toBe(2001);
  });

  test('of nothing is empty', () => {
    expect(new Distribution().summary()).toMatchObject({ n: 0, mean: 0, bars: [] });
  });
});

describe('groups', () => {
  test('no word names two of them', () => {
    const words = Object.values(GROUP_TERMS).flatMap((groups) =>
      Object.values(groups).flatMap((list) => list.split(' ')),
    );
    expect(words.length).toBe(new Set(words).size);
    for (const word of words) expect(word).toMatch(/^[a-z]+$/);
  });

  test('count texts that name them, not names', () => {
    const counter = new GroupCounter();
    counter.add('She told her mother. The boy left.', true);
    counter.add('A woman.', false);
    counter.add('Nobody.', true);
    const found = counter.counts(5).filter(({ nText }) => nText > 0);
    expect(found).toEqual([
      { axis: 'gender', group: 'women', nText: 2, nMarked: 1, near: [] },
      { axis: 'gender', group: 'men', nText: 1, nMarked: 1, near: [] },
    ]);
  });

  test('show words that stand near a name more often than elsewhere', () => {
    const counter = new GroupCounter();
    for (let i = 0; i < 20; i++) {
      counter.add('the nurse said that she was kind', false);
      counter.add('the doctor said that he was late', false);
      counter.add(
        'rain fell on the roof of the house all day long and then it stopped again',
        false,
      );
    }
    const near = new Map(counter.counts(10).map(({ group, near }) => [group, near]));
    expect(near.get('women')!.map(({ word }) => word)).toContain('nurse');
    expect(near.get('women')!.map(({ word }) => word)).not.toContain('doctor');
    expect(near.get('men')!.map(({ word }) => word)).toContain('doctor');
  });
});
