import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withLock } from '../../../scripts/lib/lock.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'thimble-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('held while the work runs, gone afterwards, also after a failure', async () => {
  const path = join(dir, 'a', 'lock');
  expect(await withLock(path, () => Promise.resolve(existsSync(path)))).toBe(true);
  expect(existsSync(path)).toBe(false);
  await expect(withLock(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(existsSync(path)).toBe(false);
});

test('a second one is refused, or waits', async () => {
  const path = join(dir, 'lock');
  let release: () => void = () => undefined;
  const first = withLock(path, () => new Promise<void>((resolve) => (release = resolve)));
  await expect(withLock(path, () => Promise.resolve(1))).rejects.toMatchObject({ code: 'E_BUSY' });
  const second = withLock(path, () => Promise.resolve(2), 10_000);
  release();
  await first;
  expect(await second).toBe(2);
});

test("a dead process's lock is taken over; a living one's is not", async () => {
  const path = join(dir, 'lock');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  writeFileSync(path, String(pid));
  expect(await withLock(path, () => Promise.resolve(1))).toBe(1);
  writeFileSync(path, String(process.ppid));
  await expect(withLock(path, () => Promise.resolve(1))).rejects.toMatchObject({ code: 'E_BUSY' });
});
