import { describe, expect, test } from 'vitest';
import {
  pairedRatio,
  spread,
  streamsTokensPerSecond,
} from '../../../scripts/bench/report/statistics.ts';

describe('spread', () => {
  test('of odd and even numbers of values, in any order', () => {
    expect(spread([5, 1, 9])).toEqual({ median: 5, min: 1, max: 9 });
    expect(spread([10, 9, 1, 4])).toEqual({ median: 6.5, min: 1, max: 10 });
    expect(spread([100, 20])).toEqual({ median: 60, min: 20, max: 100 });
  });
  test('of nothing is refused', () => expect(() => spread([])).toThrow(RangeError));
});

describe('pairedRatio', () => {
  test('divides within a round, so that a slow round changes nothing', () => {
    const fast = [30, 3, 30].map((value, round) => ({ round, value }));
    const slow = [10, 1, 10].map((value, round) => ({ round, value }));
    expect(pairedRatio(fast, slow)).toEqual({ median: 3, min: 3, max: 3 });
  });
  test('leaves out rounds that only one of them has', () => {
    const over = [
      { round: 1, value: 8 },
      { round: 2, value: 100 },
    ];
    expect(pairedRatio(over, [{ round: 1, value: 4 }])).toMatchObject({ median: 2 });
    expect(pairedRatio(over, [{ round: 3, value: 4 }])).toBeNull();
  });
});

describe('streamsTokensPerSecond', () => {
  test('one stream: its tokens after the first', () => {
    expect(streamsTokensPerSecond([{ atMs: [100, 110, 120, 130], nTokens: 4 }])).toBeCloseTo(100);
  });
  test('streams that run together add up over the time they share', () => {
    const at = (start: number) => Array.from({ length: 11 }, (_, i) => start + i * 10);
    // Shared from 105 to 200: ten tokens of the first stream, nine of the second.
    const streams = [at(100), at(105)].map((atMs) => ({ atMs, nTokens: 11 }));
    expect(streamsTokensPerSecond(streams)).toBeCloseTo((19 * 1000) / 95);
  });
  test('streams that were served one after the other are not counted as together', () => {
    const first = { atMs: [0, 10, 20], nTokens: 3 };
    const second = { atMs: [30, 40, 50], nTokens: 3 };
    expect(streamsTokensPerSecond([first, second])).toBeCloseTo((4 * 1000) / 50);
  });
  test('a stream that only began when the other was nearly done does not pass for two', () => {
    const first = { atMs: [0, 10, 20, 30, 40], nTokens: 5 };
    const second = { atMs: [35, 45, 55, 65, 75], nTokens: 5 };
    expect(streamsTokensPerSecond([first, second])).toBeCloseTo((8 * 1000) / 75);
  });
  test('an arrival of several tokens counts for as many', () => {
    expect(streamsTokensPerSecond([{ atMs: [0, 20, 40], nTokens: 5 }])).toBeCloseTo(100);
  });
});
