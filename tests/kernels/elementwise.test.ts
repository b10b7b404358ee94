/** Norms, rotary positions, activation, logits and attention of both builds against plain references. */
import { beforeAll, describe, expect, it } from 'vitest';
import { attendScratchBytes, kvGeometry, PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { attendReference } from '../../engine/kernels/reference/attend.ts';
import {
  geluErfReference,
  geluReference,
  layerNormReference,
  rmsNormReference,
  ropeReference,
  siluReference,
  softcapReference,
} from '../../engine/kernels/reference/elementwise.ts';
import { fillRopeTable, ropeFrequencies } from '../../engine/ops/rope.ts';
import { f32ToF16, f16ToF32 } from '../../engine/quant/half.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const LENGTHS = [1, 2, 3, 5, 7, 31, 33, 64, 1023];

function worst(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let error = 0;
  let largest = 1e-9;
  for (let i = 0; i < want.length; i++) {
    error = Math.max(error, Math.abs(got[i]! - want[i]!));
    largest = Math.max(largest, Math.abs(want[i]!));
  }
  return error / largest;
}

for (const build of ['relaxed', 'simd'] as const) {
  describe(`elementwise, ${build} build`, () => {
    let s: Scratch;
    beforeAll(async () => {
      s = await Scratch.create(build, 4 << 20);
    });

    it('rmsNormRows', () => {
      for (const n of LENGTHS) {
        s.reset();
        const stride = Math.ceil(n / 32) * 32;
        const rows = [randomValues(n, n), randomValues(n, n + 1, 30)];
        const weight = randomValues(n, n + 2);
        const x = s.reserve(2 * stride * 4);
        for (const [t, row] of rows.entries()) s.f32(x + t * stride * 4, n).set(row);
        const out = s.reserve(2 * stride * 4);
        s.kernels.rmsNormRows(x, s.putF32(weight), out, n, 2, stride, 1e-5);
        for (const [t, row] of rows.entries()) {
          const want = rmsNormReference(row, weight, 1e-5);
          expect(worst(s.f32(out + t * stride * 4, n), want), `n ${n}`).toBeLessThan(1e-6);
        }
      }
    });

    it('rotates both pairings, partly and wholly', () => {
      for (const [headDim, ropeDim] of [
        [8, 8],
        [64, 64],
        [64, 32],
        [10, 6],
      ] as const) {
        for (const pairing of ['adjacent', 'half'] as const) {
          s.reset();
          const [nHead, nTok] = [3, 2];
          const stride = Math.ceil((nHead * headDim) / 32) * 32;
          const values = randomValues(nTok * stride, headDim);
          const x = s.putF32(values);
          const rope = ropeFrequencies(ropeDim, 10000, { kind: 'none' });
          const table = s.reserve(nTok * ropeDim * 4);
          fillRopeTable(s.f32(table, nTok * ropeDim), rope, 41, nTok);
          const run = pairing === 'adjacent' ? s.kernels.ropeAdjacent : s.kernels.ropeHalf;
          run(x, table, nHead, headDim, ropeDim, nTok, stride);
          for (let t = 0; t < nTok; t++) {
            for (let h = 0; h < nHead; h++) {
              const at = t * stride + h * headDim;
              const head = Float64Array.from(values.subarray(at, at + headDim));
              ropeReference(
                head,
                rope.frequencies.map((f) => f * (41 + t)),
                pairing,
              );
              expect(worst(s.f32(x + at * 4, headDim), head)).toBeLessThan(1e-6);
            }
          }
        }
      }
    });

    it('siluMul over the whole range of gates', () => {
      s.reset();
      const gates = Float32Array.from({ length: 400 }, (_, i) => (i - 200) * 0.6);
      const ups = randomValues(400, 3);
      const out = s.reserve(1600);
      s.kernels.siluMul(s.putF32(gates), s.putF32(ups), out, 400);
      for (let i = 0; i < 400; i++) {
        const want = siluReference(gates[i]!) * ups[i]!;
        expect(Math.abs(s.f32(out, 400)[i]! - want)).toBeLessThanOrEqual(
          1e-6 * Math.abs(want) + 1e-12,
        );
      }
    });

    it('layerNormRows, with and without bias, far from a mean of zero', () => {
      for (const n of LENGTHS.slice(1)) {
        s.reset();
        const stride = Math.ceil(n / 32) * 32;
        const rows = [randomValues(n, n), randomValues(n, n + 1).map((v) => v + 30)];
        const [weight, bias] = [randomValues(n, n + 2), randomValues(n, n + 3)];
        const x = s.reserve(2 * stride * 4);
        for (const [t, row] of rows.entries()) s.f32(x + t * stride * 4, n).set(row);
        const out = s.reserve(2 * stride * 4);
        const [w, b] = [s.putF32(weight), s.putF32(bias)];
        for (const added of [bias, null]) {
          s.kernels.layerNormRows(x, w, added === null ? 0 : b, out, n, 2, stride, 1e-5);
          for (const [t, row] of rows.entries()) {
            const want = layerNormReference(row, weight, added ?? new Float32Array(n), 1e-5);
            // Around a mean of 30 the differences themselves have only five digits.
            const bound = t === 0 ? 2e-6 : 2e-5;
            expect(worst(s.f32(out + t * stride * 4, n), want), `n ${n}`).toBeLessThan(bound);
          }
        }
      }
    });

    it('geluMul, geluRow and siluRow over the whole range of inputs', () => {
      s.reset();
      const gates = Float32Array.from({ length: 400 }, (_, i) => (i - 200) * 0.1);
      const ups = randomValues(400, 3);
      const [x, up, out] = [s.putF32(gates), s.putF32(ups), s.reserve(1600)];
      const expectEach = (want: (i: number) => number) => {
        for (let i = 0; i < 400; i++) {
          const error = Math.abs(s.f32(out, 400)[i]! - want(i));
          expect(error, `input ${gates[i]}`).toBeLessThanOrEqual(2e-6 * Math.abs(want(i)) + 1e-9);
        }
      };
      s.kernels.geluMul(x, up, out, 400);
      expectEach((i) => geluReference(gates[i]!) * ups[i]!);
      s.kernels.geluRow(x, out, 400);
      expectEach((i) => geluReference(gates[i]!));
      s.kernels.geluErfRow(x, out, 400);
      for (let i = 0; i < 400; i++) {
        const error = Math.abs(s.f32(out, 400)[i]! - geluErfReference(gates[i]!));
        expect(error, `input ${gates[i]}`).toBeLessThanOrEqual(3e-7 * Math.abs(gates[i]!) + 2e-6);
      }
      s.kernels.siluRow(x, out, 400);
      expectEach((i) => siluReference(gates[i]!));
    });

    it('geluErfRow far out, and finely in between', () => {
      s.reset();
      const inputs = Float32Array.from({ length: 1200 }, (_, i) => (i - 600) * 0.0123);
      inputs.set([-1e4, 1e4, -100, 100]);
      const out = s.reserve(4800);
      s.kernels.geluErfRow(s.putF32(inputs), out, 1200);
      for (const [i, x] of inputs.entries()) {
        const error = Math.abs(s.f32(out, 1200)[i]! - geluErfReference(x));
        expect(error, `input ${x}`).toBeLessThanOrEqual(3e-7 * Math.abs(x) + 1e-6);
      }
    });

    it('addScaled, scaleRow and softcapRow, and nothing behind them', () => {
      for (const n of [4, 8, 32, 1024]) {
        s.reset();
        const [x, y] = [randomValues(n, n, 40), randomValues(n + 4, n + 1)];
        const at = s.putF32(y);
        const result = () => s.f32(at, n + 4);
        const want = (of: (v: number, i: number) => number) =>
          Float64Array.from(y, (v, i) => (i < n ? of(v, i) : v));
        s.kernels.addScaled(at, s.putF32(x), 0.37, n);
        expect(
          worst(
            result(),
            want((v, i) => v + 0.37 * x[i]!),
          ),
        ).toBeLessThan(1e-6);
        s.f32(at, n + 4).set(y);
        s.kernels.scaleRow(at, 1.7, n);
        expect(
          worst(
            result(),
            want((v) => v * 1.7),
          ),
        ).toBeLessThan(1e-6);
        y.set(x.subarray(0, n));
        s.f32(at, n + 4).set(y);
        s.kernels.softcapRow(at, 30, n);
        expect(
          worst(
            result(),
            want((v) => softcapReference(v, 30)),
          ),
        ).toBeLessThan(1e-6);
      }
    });

    it('addBias to every row, and to nothing behind it', () => {
      for (const n of LENGTHS) {
        s.reset();
        const stride = Math.ceil(n / 32) * 32 + 32;
        const before = randomValues(3 * stride, n);
        const bias = randomValues(n, n + 1);
        const y = s.putF32(before);
        s.kernels.addBias(y, s.putF32(bias), n, 3, stride);
        const want = before.map((v, i) =>
          i % stride < n ? Math.fround(v + bias[i % stride]!) : v,
        );
        expect(s.f32(y, 3 * stride)).toEqual(want);
      }
    });

    it('argmax (first of equals) and sumExp', () => {
      for (const n of LENGTHS) {
        s.reset();
        const values = randomValues(n, n, 5);
        const x = s.putF32(values);
        let best = 0;
        values.forEach((v, i) => (best = v > values[best]! ? i : best));
        expect(s.kernels.argmax(x, n)).toBe(best);
        const top = values[best]!;
        const want = values.reduce((sum, v) => sum + Math.exp(v - top), 0);
        expect(s.kernels.sumExp(x, n, top) / want).toBeCloseTo(1, 5);
      }
      s.reset();
      expect(s.kernels.argmax(s.putF32(new Float32Array(100).fill(2)), 100)).toBe(0);
    });

    /** The reference reads keys and values as the cache stores them; what is left is arithmetic. */
    const BOUND = 5e-4;
    for (const dtype of ['q8', 'f16'] as const) {
      it(`attention over ${dtype} pages`, () => {
        for (const [nHead, nKvHead, headDim] of [
          [9, 3, 64],
          [8, 4, 8],
          [2, 1, 33],
          [7, 1, 16],
          [4, 1, 40],
          [1, 1, 5],
        ] as const) {
          for (const n of [1, 2, 31, 32, 33, 77]) {
            const { got, want } = attention(s, dtype, nHead, nKvHead, headDim, n);
            expect(
              worst(got, want),
              `${nHead}/${nKvHead} heads of ${headDim}, ${n} tokens`,
            ).toBeLessThan(BOUND);
          }
        }
      });
    }

    for (const dtype of ['q8', 'f16'] as const) {
      it(`attention over ${dtype} pages from a position on, with capped scores`, () => {
        for (const from of [0, 1, 31, 32, 40, 76]) {
          const window = { from, softcap: 0 };
          const { got, want } = attention(s, dtype, 9, 3, 64, 77, window);
          expect(worst(got, want), `from ${from}`).toBeLessThan(BOUND);
          const capped = attention(s, dtype, 6, 3, 24, 77, { from, softcap: 0.5 });
          expect(worst(capped.got, capped.want), `capped, from ${from}`).toBeLessThan(BOUND);
          expect(worst(attention(s, dtype, 6, 3, 24, 77, window).got, capped.want)).toBeGreaterThan(
            from === 76 ? -1 : 2 * BOUND,
          );
        }
      });
    }

    it('attention notices one missing token (the bound bites)', () => {
      const { want } = attention(s, 'q8', 2, 1, 64, 33);
      const { want: shorter } = attention(s, 'q8', 2, 1, 64, 32);
      expect(worst(shorter, want)).toBeGreaterThan(BOUND * 2);
    });
  });
}

/** Attention of one query over n tokens written page by page, pages in scattered order. */
function attention(
  s: Scratch,
  dtype: 'q8' | 'f16',
  nHead: number,
  nKvHead: number,
  headDim: number,
  n: number,
  { from = 0, softcap = 0 }: { from?: number; softcap?: number } = {},
): { got: Float32Array; want: Float64Array } {
  s.reset();
  const layer = 1;
  const geometry = kvGeometry(dtype, { nLayer: 2, nKvHead, headDim });
  const nPage = Math.ceil(n / PAGE_TOKENS);
  const pool = s.reserve(nPage * geometry.pageBytes);
  const pages = Array.from(
    { length: nPage },
    (_, i) => pool + (nPage - 1 - i) * geometry.pageBytes,
  );
  const table = s.reserve(nPage * 4);
  new Uint32Array(s.memory.buffer, table, nPage).set(pages);
  const width = nKvHead * headDim;
  const keys = Array.from({ length: n }, (_, t) => randomValues(width, t + 1));
  const values = Array.from({ length: n }, (_, t) => randomValues(width, t + 1000));
  const kAt = s.reserve(width * 4);
  const vAt = s.reserve(width * 4);
  const write = dtype === 'q8' ? s.kernels.kvWriteQ8 : s.kernels.kvWriteF16;
  const layerOffset = layer * geometry.layerBytes;
  for (let t = 0; t < n; t++) {
    s.f32(kAt, width).set(keys[t]!);
    s.f32(vAt, width).set(values[t]!);
    const section = pages[Math.floor(t / PAGE_TOKENS)]! + layerOffset;
    write(
      kAt,
      vAt,
      section,
      t % PAGE_TOKENS,
      nKvHead,
      headDim,
      geometry.dimPad,
      geometry.sectionBytes,
    );
  }
  const q = randomValues(nHead * headDim, 7);
  const out = s.reserve(nHead * headDim * 4);
  const scale = 1 / Math.sqrt(headDim);
  const attend = dtype === 'q8' ? s.kernels.attendQ8 : s.kernels.attendF16;
  attend(
    s.putF32(q),
    out,
    s.reserve(attendScratchBytes(geometry, nHead)),
    nHead,
    nKvHead,
    headDim,
    geometry.dimPad,
    table,
    layerOffset,
    geometry.sectionBytes,
    n,
    scale,
    from,
    softcap,
  );
  const stored = dtype === 'q8' ? roundToInt8 : roundToHalf;
  const want = new Float64Array(nHead * headDim);
  for (let h = 0; h < nHead; h++) {
    const at = Math.floor(h / (nHead / nKvHead)) * headDim;
    const part = (rows: Float32Array[]) =>
      rows.map((row) => stored(row.subarray(at, at + headDim)));
    const head = attendReference(
      q.subarray(h * headDim, (h + 1) * headDim),
      part(keys),
      part(values),
      scale,
      { from, softcap },
    );
    want.set(head, h * headDim);
  }
  return { got: s.f32(out, nHead * headDim).slice(), want };
}

function roundToInt8(x: Float32Array): Float64Array {
  const scale = x.reduce((m, v) => Math.max(m, Math.abs(v)), 0) / 127;
  return Float64Array.from(x, (v) => (scale === 0 ? 0 : Math.round(v / scale) * scale));
}
function roundToHalf(x: Float32Array): Float64Array {
  return Float64Array.from(x, (v) => f16ToF32(f32ToF16(v)));
}

describe('half conversions', () => {
  it('round trips every half, and rounds to nearest even', () => {
    for (let h = 0; h < 0x10000; h++) {
      const value = f16ToF32(h);
      if (Number.isNaN(value)) continue;
      expect(f32ToF16(value)).toBe(h);
    }
    expect(f16ToF32(f32ToF16(1 + 2 ** -11))).toBe(1);
    expect(f16ToF32(f32ToF16(1 + 3 * 2 ** -11))).toBe(1 + 2 ** -9);
    expect(f16ToF32(f32ToF16(65519))).toBe(65504);
    expect(f16ToF32(f32ToF16(2 ** -25))).toBe(0);
  });
});
