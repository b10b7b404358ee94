import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  brokenLimits,
  MAX_SCRIPT_BYTES,
  measureBundle,
  PLANS,
} from '../../../scripts/deploy/limits.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'thimble-limits-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('a bundle is measured file by file, raw and compressed', () => {
  writeFileSync(join(dir, 'index.js'), 'a'.repeat(10_000));
  writeFileSync(join(dir, 'k.wasm'), randomBytes(2000));
  const size = measureBundle('stage', dir);
  expect(size.files).toEqual([
    { file: 'index.js', bytes: 10_000 },
    { file: 'k.wasm', bytes: 2000 },
  ]);
  expect(size.bytes).toBe(12_000);
  expect(size.gzipBytes).toBeGreaterThan(2000);
  expect(size.gzipBytes).toBeLessThan(2200);
  expect(brokenLimits(size, 'free')).toEqual([]);
});

test.each(['free', 'paid'] as const)('the %s plan is held to the byte', (plan) => {
  const { gzipBytes } = PLANS[plan];
  const size = { name: 'gateway', files: [], bytes: gzipBytes, gzipBytes };
  expect(brokenLimits(size, plan)).toEqual([]);
  expect(brokenLimits({ ...size, gzipBytes: gzipBytes + 1 }, plan)).toEqual([
    `gateway: ${gzipBytes + 1} bytes compressed; the ${plan} plan allows ${gzipBytes}`,
  ]);
});

test('the uncompressed size has a limit of its own', () => {
  const size = { name: 'stage', files: [], bytes: MAX_SCRIPT_BYTES + 1, gzipBytes: 1 };
  expect(brokenLimits(size, 'paid')[0]).toContain(`the platform allows ${MAX_SCRIPT_BYTES}`);
});
