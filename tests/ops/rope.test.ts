/**
 * Rotary frequencies against values computed apart from the engine (tests/golden/make-rope-values.py
 * regenerates them), and what a rotation must keep whatever the frequencies are.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RopeScaling } from '../../engine/manifest/manifest.ts';
import { fillRopeTable, ropeFrequencies } from '../../engine/ops/rope.ts';

/** Two ways to the same double, a few roundings apart. */
const RELATIVE_ERROR = 1e-13;

interface RopeCase {
  readonly name: string;
  readonly ropeDim: number;
  readonly ropeTheta: number;
  readonly scaling: RopeScaling;
  readonly frequencies: readonly number[];
  readonly magnitude: number;
}
const golden = await readFile(join(import.meta.dirname, '../golden/rope-values.json'), 'utf8');
const { cases } = JSON.parse(golden) as { cases: RopeCase[] };

function largestError(got: ArrayLike<number>, want: readonly number[]): number {
  expect(got.length).toBe(want.length);
  return Math.max(...want.map((x, i) => Math.abs(got[i]! / x - 1)));
}

describe.each(cases)('$name', ({ ropeDim, ropeTheta, scaling, frequencies, magnitude }) => {
  it('has the frequencies and the magnitude of its definition', () => {
    const rope = ropeFrequencies(ropeDim, ropeTheta, scaling);
    expect(largestError(rope.frequencies, frequencies)).toBeLessThan(RELATIVE_ERROR);
    expect(rope.magnitude).toBeCloseTo(magnitude, 13);
  });

  it('differs when one number is 0.1 % off', () => {
    const key = Object.entries(scaling).find(([, x]) => typeof x === 'number')?.[0];
    const off = (x: number) => x * 1.001;
    const rope =
      key === undefined
        ? ropeFrequencies(ropeDim, off(ropeTheta), scaling)
        : ropeFrequencies(ropeDim, ropeTheta, {
            ...scaling,
            [key]: off(Number(scaling[key as keyof RopeScaling])),
          });
    expect(largestError(rope.frequencies, frequencies)).toBeGreaterThan(1e-4);
  });
});

describe('the table of angles', () => {
  it('holds cosine and sine of position times frequency, times the magnitude', () => {
    const rope = { frequencies: Float64Array.of(1, 0.25), magnitude: 2 };
    const table = new Float32Array(8);
    fillRopeTable(table, rope, 3, 2);
    const want = [3, 0.75, 4, 1].flatMap((angle) => [2 * Math.cos(angle), 2 * Math.sin(angle)]);
    expect([...table]).toEqual(want.map(Math.fround));
  });

  it('keeps angles exact far out, where f32 would have lost them', () => {
    const rope = ropeFrequencies(4, 10000, { kind: 'none' });
    const table = new Float32Array(4);
    fillRopeTable(table, rope, 131_071, 1);
    // Computed with 50 digits.
    expect(table[0]).toBeCloseTo(-0.81798349938795, 6);
    expect(table[1]).toBeCloseTo(-0.57524168375479, 6);
  });

  it('starts a chunk where the one before it ended', () => {
    const rope = ropeFrequencies(8, 10000, { kind: 'linear', factor: 3 });
    const whole = new Float32Array(10 * 8);
    const parts = new Float32Array(10 * 8);
    fillRopeTable(whole, rope, 0, 10);
    fillRopeTable(parts, rope, 0, 6);
    fillRopeTable(parts.subarray(6 * 8), rope, 6, 4);
    expect(parts).toEqual(whole);
  });
});
