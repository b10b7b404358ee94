/** Largest products of rows, of both builds, against their plain reference. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { DenseRows } from '../../engine/kernels/reference/attend.ts';
import { maxSimReference } from '../../engine/kernels/reference/max-sim.ts';
import { toLengthOne } from '../../engine/model/encoder/pooling.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const BOUND = 1e-6;
/** Written behind the outcome, and between rows, where it must not be read. */
const GUARD = 12345;

/** Rows of both texts, and their width: fours that are not full. */
const SIZES = [
  [1, 1, 4],
  [2, 3, 8],
  [3, 4, 12],
  [5, 5, 64],
  [7, 31, 64],
  [32, 130, 96],
  [20, 256, 128],
] as const;

for (const build of ['relaxed', 'simd'] as const) {
  describe(`largest products, ${build} build`, () => {
    let s: Scratch;
    beforeAll(async () => {
      s = await Scratch.create(build, 8 << 20);
    });

    it.each(SIZES)('%i rows with %i, %i wide', (nA, nB, width) => {
      const { got, want, after } = run(s, rowsOf(nA, width, 1), rowsOf(nB, width, 2), width);
      expect(worst(got, want)).toBeLessThan(BOUND);
      expect(after).toBe(GUARD);
    });

    it('takes products that are all below zero', () => {
      const negative = {
        ...rowsOf(6, 8, 2),
        values: rowsOf(6, 8, 2).values.map((x) => -Math.abs(x)),
      };
      const positive = { ...rowsOf(3, 8, 1), values: rowsOf(3, 8, 1).values.map(Math.abs) };
      const { got, want } = run(s, positive, negative, 8);
      expect(want.every((value) => value < 0)).toBe(true);
      expect(worst(got, want)).toBeLessThan(BOUND);
    });

    it.each([32, 33, 34, 35])('notices a missing row, the last of %i', (nB) => {
      const a = rowsOf(5, 64, 1);
      const b = rowsOf(nB, 64, 2);
      // The last row is the second of `a`, which is nearest to itself.
      b.values.set(a.values.slice(a.stride, a.stride + 64), (nB - 1) * b.stride);
      const { got } = run(s, a, b, 64);
      const { want } = run(s, a, { ...b, n: nB - 1 }, 64);
      expect(got[1]).toBeCloseTo(1, 5);
      expect(worst(got, want)).toBeGreaterThan(BOUND * 1000);
    });
  });
}

type Rows = DenseRows & { readonly values: Float32Array };

/** Rows of length one, with room between them that must not be read. */
function rowsOf(n: number, width: number, seed: number): Rows {
  const stride = width + 4;
  const values = new Float32Array(n * stride).fill(GUARD);
  for (let i = 0; i < n; i++)
    values.set(toLengthOne(randomValues(width, seed * 1000 + i)), i * stride);
  return { values, stride, n };
}

function run(s: Scratch, a: Rows, b: Rows, width: number) {
  s.reset();
  const [aAt, bAt] = [s.putF32(a.values), s.putF32(b.values)];
  const out = s.putF32(new Float32Array(a.n + 1).fill(GUARD));
  s.kernels.maxSim(aAt, a.n, bAt, b.n, width, a.stride, out);
  const all = s.f32(out, a.n + 1).slice();
  return { got: all.slice(0, a.n), after: all[a.n], want: maxSimReference(a, b, width) };
}

function worst(got: Float32Array, want: Float64Array): number {
  return Math.max(...Array.from(want, (value, i) => Math.abs(value - got[i]!)));
}
