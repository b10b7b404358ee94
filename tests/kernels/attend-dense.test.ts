/** Dense attention of both builds against its plain reference. */
import { beforeAll, describe, expect, it } from 'vitest';
import { denseScratchBytes } from '../../engine/cache/geometry.ts';
import { attendDenseReference } from '../../engine/kernels/reference/attend.ts';
import type { DenseRows } from '../../engine/kernels/reference/attend.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const BOUND = 3e-6;
/** Written behind the scratch and between rows: must stay. */
const GUARD = 12345;

/** nQuery, nKey, heads, width of a head: tiles and blocks of keys that are not full. */
const SIZES = [
  [1, 1, 1, 4],
  [2, 3, 3, 8],
  [3, 2, 2, 12],
  [4, 5, 2, 20],
  [5, 4, 1, 32],
  [7, 31, 12, 32],
  [8, 33, 2, 64],
  [9, 127, 2, 32],
  [16, 128, 2, 36],
  [31, 129, 2, 64],
  [33, 257, 1, 128],
  [1, 1023, 2, 64],
  [13, 1023, 1, 32],
] as const;

for (const build of ['relaxed', 'simd'] as const) {
  describe(`dense attention, ${build} build`, () => {
    let s: Scratch;
    beforeAll(async () => {
      s = await Scratch.create(build, 8 << 20);
    });

    it.each(SIZES)('%i queries over %i keys, %i heads of %i', (nQuery, nKey, nHead, headDim) => {
      const { got, want } = attend(s, nQuery, nKey, nHead, headDim, 1);
      expect(worst(got, want)).toBeLessThan(BOUND);
    });

    it('takes scores far apart: large first, large last', () => {
      const { got, want } = attend(s, 9, 300, 2, 32, 40);
      expect(worst(got, want)).toBeLessThan(1e-4);
      expect(got.every(Number.isFinite)).toBe(true);
    });

    it('notices a missing key', () => {
      const { got } = attend(s, 9, 130, 2, 32, 1);
      const { want } = attend(s, 9, 129, 2, 32, 1);
      expect(worst(got, want)).toBeGreaterThan(BOUND * 100);
    });
  });
}

function attend(
  s: Scratch,
  nQuery: number,
  nKey: number,
  nHead: number,
  headDim: number,
  scale: number,
): { got: Float32Array; want: Float64Array } {
  s.reset();
  const width = nHead * headDim;
  const rows = (n: number, stride: number, seed: number): DenseRows => ({
    values: Float32Array.from({ length: n * stride }, () => 0).map((_, i) =>
      randomRow(seed, i, stride, width)!,
    ),
    stride,
    n,
  });
  const [q, k, v] = [
    rows(nQuery, width + 4, 1),
    rows(nKey, width + 8, 2),
    rows(nKey, width + 8, 3),
  ] as const;
  const outStride = width + 12;
  const out = s.putF32(new Float32Array(nQuery * outStride).fill(GUARD));
  const [qAt, kAt, vAt] = [q, k, v].map(({ values }) => s.putF32(values)) as [
    number,
    number,
    number,
  ];
  const scratchBytes = denseScratchBytes(nQuery, headDim);
  const scratch = s.reserve(scratchBytes + 16);
  s.f32(scratch + scratchBytes, 4).fill(GUARD);
  const by = scale / Math.sqrt(headDim);
  const { kernels } = s;
  kernels.attendDense(
    qAt,
    q.stride,
    kAt,
    vAt,
    k.stride,
    out,
    outStride,
    scratch,
    nQuery,
    nKey,
    nHead,
    headDim,
    by,
  );
  expect([...s.f32(scratch + scratchBytes, 4)]).toEqual([GUARD, GUARD, GUARD, GUARD]);
  const got = new Float32Array(nQuery * width);
  for (let i = 0; i < nQuery; i++) {
    const row = s.f32(out + i * outStride * 4, outStride);
    got.set(row.subarray(0, width), i * width);
    expect(row.subarray(width).every((value) => value === GUARD)).toBe(true);
  }
  return { got, want: attendDenseReference(q, k, v, nHead, headDim, by) };
}

const cache = new Map<number, Float32Array>();
/** Row i / stride of seeded values; what lies between rows is GUARD, which no sum survives. */
function randomRow(seed: number, i: number, stride: number, width: number): number | undefined {
  const [row, column] = [Math.floor(i / stride), i % stride];
  if (column >= width) return GUARD;
  if (!cache.has(seed)) cache.set(seed, randomValues(1100 * 400, seed));
  return cache.get(seed)![row * width + column];
}

function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [error, largest] = [0, 1e-9];
  for (let i = 0; i < want.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - want[i]!));
    largest = Math.max(largest, Math.abs(want[i]!));
  }
  return error / largest;
}
