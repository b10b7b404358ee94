/**
 * A short form of `npm run attack -- fuzz`: hostile inputs end in a coded error, whatever reads them.
 * @module-tag slow
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { runFuzz } from '../../../scripts/attack/fuzz/run-fuzz.ts';
import { loadTargets } from '../../../scripts/attack/fuzz/targets/index.ts';

const INPUTS = 60;
const targets = await loadTargets();

// What libraries and the log print of broken input.
beforeEach(() => {
  for (const name of ['log', 'warn', 'error'] as const)
    vi.spyOn(console, name).mockReturnValue(undefined);
});
afterEach(() => void vi.restoreAllMocks());

test.each(targets.map((target) => [target.name, target] as const))('%s', async (_, target) => {
  const report = await runFuzz(target, { seed: 2026, from: 0, to: INPUTS });
  // How long an input takes depends on the machine.
  expect(report.findings.filter(({ what }) => !what.startsWith('took '))).toEqual([]);
  expect(report.accepted + report.refused).toBe(INPUTS);
});

test('an error without a code is a finding', async () => {
  const broken = {
    name: 'broken',
    run: () => {
      throw new TypeError('undefined is not a function');
    },
  };
  const { findings, refused } = await runFuzz(broken, { seed: 1, from: 0, to: 3 });
  expect(refused).toBe(0);
  expect(findings.map(({ index }) => index)).toEqual([0, 1, 2]);
});

test('inputs follow from the seed and their number', async () => {
  const seen: number[][] = [];
  const noting = {
    name: 'noting',
    run: (random: { next(): number }) => void seen.push([random.next(), random.next()]),
  };
  await runFuzz(noting, { seed: 1, from: 0, to: 4 });
  await runFuzz(noting, { seed: 1, from: 2, to: 4 });
  expect(seen.slice(4)).toEqual(seen.slice(2, 4));
  expect(new Set(seen.slice(0, 4).map(String)).size).toBe(4);
});
