import { describe, expect, test } from 'vitest';
import {
  describeProgress,
  formatBytes,
  formatSeconds,
  ProgressLine,
} from '../../../scripts/lib/progress.ts';

function fakeStream(isTTY: boolean) {
  let text = '';
  return { isTTY, columns: 60, write: (part: string) => (text += part), read: () => text };
}

describe('progress', () => {
  test('says what is known and nothing else', () => {
    expect(
      describeProgress({ done: 12_300_000, total: 98_400_000, unit: 'bytes' }, 8_100_000),
    ).toBe('12.3 MB of 98.4 MB (12 %), 8.1 MB/s, 11 s left');
    expect(describeProgress({ done: 5, total: null, unit: 'items', note: 'x' }, null)).toBe('5, x');
    expect(describeProgress({ done: 7, total: 7, unit: 'items' }, 2)).toBe('7 of 7 (100 %), 2.0/s');
    expect(describeProgress({ done: 0, total: 0, unit: 'bytes' }, null)).toBe('0 B');
  });

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [999_950, '1.0 MB'],
    [98_362_432, '98.4 MB'],
    [2.5e12, '2.5 TB'],
  ])('%d bytes', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [0.04, '0.0 s'],
    [9.96, '10.0 s'],
    [59.4, '59 s'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
  ])('%d seconds', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

  test('a pipe gets plain lines now and then, and always the last', () => {
    const stream = fakeStream(false);
    let nowMs = 0;
    const line = new ProgressLine('pull ', stream, () => nowMs);
    for (; nowMs <= 5000; nowMs += 100) {
      line.update({ done: nowMs * 1000, total: 10_000_000, unit: 'bytes' });
    }
    line.finish('done');
    expect(stream.read()).toBe(
      'pull 2.0 MB of 10.0 MB (20 %), 1.0 MB/s, 8.0 s left\n' +
        'pull 4.0 MB of 10.0 MB (40 %), 1.0 MB/s, 6.0 s left\n' +
        'pull done\n',
    );
  });

  test('a terminal gets one line, rewritten and cut to its width', () => {
    const stream = fakeStream(true);
    const line = new ProgressLine('pull ', stream, () => 0);
    line.update({ done: 1, total: 2, unit: 'items', note: 'x'.repeat(100) });
    line.finish('done');
    const [drawn = '', end] = stream.read().split('\r\x1b[2K').slice(1);
    expect(drawn).toHaveLength(59);
    expect(end).toBe('pull done\n');
  });

  test('a restart does not show a negative rate', () => {
    const stream = fakeStream(false);
    let nowMs = 0;
    const line = new ProgressLine('', stream, () => nowMs);
    line.update({ done: 9_000_000, total: 10_000_000, unit: 'bytes' });
    nowMs = 2500;
    line.update({ done: 1000, total: 10_000_000, unit: 'bytes' });
    expect(stream.read()).toBe('1.0 kB of 10.0 MB (0 %)\n');
  });
});
