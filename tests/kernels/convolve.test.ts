/** Convolutions of pictures of both builds against plain references. */
import { beforeAll, describe, expect, it } from 'vitest';
import { depthwiseReference } from '../../engine/kernels/reference/convolve.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const SHAPES = [
  { height: 7, width: 9, n: 8, kernel: 3, step: 1 },
  { height: 9, width: 7, n: 40, kernel: 5, step: 1 },
  { height: 8, width: 8, n: 32, kernel: 3, step: 2 },
  { height: 11, width: 14, n: 24, kernel: 5, step: 2 },
  { height: 2, width: 3, n: 16, kernel: 7, step: 1 },
  { height: 1, width: 1, n: 8, kernel: 5, step: 2 },
];

for (const build of ['relaxed', 'simd'] as const) {
  describe(`convolutions, ${build} build`, () => {
    let s: Scratch;
    beforeAll(async () => {
      s = await Scratch.create(build, 4 << 20);
    });

    it.each(SHAPES)('depthwise of $height x $width x $n by $kernel, step $step', (shape) => {
      s.reset();
      const { height, width, n, kernel, step } = shape;
      const stride = Math.ceil(n / 32) * 32;
      const [outHeight, outWidth] = [Math.ceil(height / step), Math.ceil(width / step)];
      const before = Math.floor(Math.max(0, (outHeight - 1) * step + kernel - height) / 2);
      const x = randomValues(height * width * n, 1, 3);
      const w = randomValues(kernel * kernel * n, 2);
      const bias = randomValues(n, 3);
      const at = s.reserve(height * width * stride * 4);
      for (let i = 0; i < height * width; i++)
        s.f32(at + i * stride * 4, n).set(x.subarray(i * n, (i + 1) * n));
      const out = s.reserve(outHeight * outWidth * stride * 4);
      s.f32(out, outHeight * outWidth * stride).fill(7);
      s.kernels.depthwise(
        ...([at, s.putF32(w), s.putF32(bias), out, height, width, outHeight, outWidth] as const),
        ...([n, stride, kernel, step, before, -1, 2] as const),
      );
      const want = depthwiseReference(x, w, bias, { ...shape, outHeight, outWidth, before });
      for (let i = 0; i < outHeight * outWidth; i++) {
        const row = s.f32(out + i * stride * 4, stride);
        for (let c = 0; c < n; c++)
          expect(row[c]).toBeCloseTo(Math.min(2, Math.max(-1, want[i * n + c]!)), 4);
        expect([...row.subarray(n)].every((value) => value === 0)).toBe(true);
      }
    });

    it('bias and bounds, with zeros after each row', () => {
      s.reset();
      const [n, nTok, stride] = [24, 3, 32];
      const values = randomValues(nTok * stride, 4, 5);
      const bias = randomValues(n, 5);
      const y = s.putF32(values);
      s.kernels.biasClampRows(y, s.putF32(bias), n, nTok, stride, 0, 6);
      for (let i = 0; i < nTok * stride; i++) {
        const c = i % stride;
        const sum = Math.fround(values[i]! + (bias[c] ?? 0));
        expect(s.f32(y, nTok * stride)[i]).toBe(c < n ? Math.min(6, Math.max(0, sum)) : 0);
      }
    });

    it('means of rows', () => {
      s.reset();
      const [n, nTok, stride] = [40, 49, 64];
      const values = randomValues(nTok * stride, 6);
      const out = s.reserve(stride * 4);
      s.kernels.meanRows(s.putF32(values), out, n, nTok, stride);
      for (let c = 0; c < n; c++) {
        let sum = 0;
        for (let t = 0; t < nTok; t++) sum += values[t * stride + c]!;
        expect(s.f32(out, n)[c]).toBeCloseTo(sum / nTok, 5);
      }
    });
  });
}
