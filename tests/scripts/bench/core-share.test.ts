import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../support/models.ts';
import { othersShare, readCoreTimes } from '../../../scripts/bench/peers/core-share.ts';

function writeProcess(root: string, pid: number, parent: number, ticks: number, name = 'a'): void {
  mkdirSync(join(root, String(pid)), { recursive: true });
  const middle = Array.from({ length: 9 }, () => 0).join(' ');
  writeFileSync(
    join(root, String(pid), 'stat'),
    `${pid} (${name}) S ${parent} ${middle} ${ticks} 1 0`,
  );
}

test('a process counts with all below it, whatever their names', async () => {
  await using folder = await temporaryFolder();
  const root = folder.path;
  writeFileSync(join(root, 'stat'), 'cpu  9 9 9 9 9 9\ncpu0 1 1 1 1 1 1\ncpu1 7 0 5 40 2 0 0 0\n');
  writeProcess(root, 10, 1, 100);
  writeProcess(root, 12, 11, 3);
  writeProcess(root, 11, 10, 20, 'a) b (c');
  writeProcess(root, 13, 1, 5000);
  expect(readCoreTimes(1, 10, root)).toMatchObject({ ownMs: 1260, idleMs: 420 });
  expect(readCoreTimes(1, 99, root)).toBeNull();
  expect(readCoreTimes(7, 10, root)).toBeNull();
  expect(readCoreTimes(1, 10, join(root, 'nowhere'))).toBeNull();
});

describe('othersShare', () => {
  const at = (wallMs: number, ownMs: number, idleMs: number) => ({ wallMs, ownMs, idleMs });
  test('is what is left of the time', () => {
    expect(othersShare(at(0, 50, 10), at(1000, 650, 110))).toBeCloseTo(0.3);
  });
  test('stays between nothing and all', () => {
    expect(othersShare(at(0, 0, 0), at(1000, 1500, 0))).toBe(0);
    expect(othersShare(at(0, 0, 0), at(1000, 0, 0))).toBe(1);
  });
  test('is not told of spans that ticks cannot measure', () => {
    expect(othersShare(at(0, 0, 0), at(100, 100, 0))).toBeNull();
    expect(othersShare(null, at(1000, 0, 0))).toBeNull();
  });
});
