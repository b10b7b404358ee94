/** Every product of both builds against the plain reference, at awkward sizes. */
import { beforeAll, describe, expect, it } from 'vitest';
import { matrixBytes, roundUp } from '../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../engine/base/dtypes.ts';
import {
  ACTIVATION_STEPS,
  COARSE_STEPS,
  matmulQuantizedReference,
  matmulReference,
} from '../../engine/kernels/reference/matmul.ts';
import { Ops, panelBytes } from '../../engine/ops/ops.ts';
import { weightRef } from '../../engine/ops/weights.ts';
import {
  packBlocks,
  packFloats,
  QUANT_MAX,
  unpackMatrix,
  WITH_MIN,
} from '../../engine/quant/layouts.ts';
import type { BlockDtypeName } from '../../engine/quant/block-bytes.ts';
import { f16ToF32, f32ToF16 } from '../../engine/quant/half.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues, seededRandom } from '../support/random.ts';

const SIZES: readonly [nRow: number, nCol: number][] = [
  [1, 1],
  [2, 3],
  [3, 2],
  [5, 7],
  [7, 5],
  [8, 32],
  [31, 33],
  [33, 31],
  [64, 64],
  [17, 1023],
  [1023, 33],
];
const TOKENS = [1, 2, 3, 4, 5, 7, 31, 33];
/** Relative to the largest |y|: sums of f32 in another order than the reference's float64. */
const TOLERANCE = 2e-6;

function randomBlocks(dtype: BlockDtypeName, nRow: number, nCol: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  const nBlock = Math.ceil(nCol / 32);
  const quants = Uint8Array.from({ length: nRow * nCol }, () =>
    Math.floor(random() * (QUANT_MAX[dtype] + 1)),
  );
  const number = () => f16ToF32(f32ToF16((random() - 0.3) * 0.02));
  const scales = Float32Array.from({ length: nRow * nBlock }, number);
  const mins = WITH_MIN.has(dtype)
    ? { mins: Float32Array.from({ length: nRow * nBlock }, () => number() * -8) }
    : {};
  return packBlocks(dtype, { nRow, nCol, quants, scales, ...mins }).bytes;
}

function randomMatrix(dtype: WeightDtype, nRow: number, nCol: number): Uint8Array {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16'
    ? packFloats(dtype, nRow, nCol, randomValues(nRow * nCol, 11))
    : randomBlocks(dtype, nRow, nCol, 11);
}

for (const build of ['relaxed', 'simd'] as const) {
  describe(`products, ${build} build`, () => {
    let scratch: Scratch;
    let ops: Ops;
    beforeAll(async () => {
      scratch = await Scratch.create(build, 8 << 20);
      ops = new Ops(scratch.kernels);
    });

    /** Largest error of y = W x over all tokens, relative to the largest |y|. */
    function worstError(
      dtype: Parameters<typeof weightRef>[0],
      bytes: Uint8Array,
      nRow: number,
      nCol: number,
      nTok: number,
      add: boolean,
    ): number {
      scratch.reset();
      const w = weightRef(dtype, nRow, nCol, scratch.put(bytes));
      const stride = roundUp(nCol, 32);
      const rows = roundUp(nTok, 4);
      const x = {
        address: scratch.reserve(rows * stride * 4),
        stride,
        panels: scratch.reserve(panelBytes(nTok, nCol)),
      };
      const inputs = Array.from({ length: nTok }, (_, t) => randomValues(nCol, 100 * t + nCol));
      for (const [t, values] of inputs.entries())
        scratch.f32(x.address + t * stride * 4, nCol).set(values);
      const yStride = roundUp(nRow, 32);
      const y = scratch.reserve(rows * yStride * 4);
      const before = add ? randomValues(rows * yStride, 5) : new Float32Array(rows * yStride);
      scratch.f32(y, before.length).set(before);
      ops.quantize(x, nTok, w);
      ops.matmul(w, x, nTok, y, yStride, add);
      const dense = unpackMatrix(dtype, nRow, nCol, bytes);
      const reference = (rows: number, x: Float32Array) => {
        if (!dtype.startsWith('q')) return matmulReference(dense, rows, x);
        const steps = dtype === 'q6b' ? COARSE_STEPS : ACTIVATION_STEPS;
        return matmulQuantizedReference(dense, rows, x, steps);
      };
      let worst = 0;
      let largest = 1e-9;
      for (const [t, values] of inputs.entries()) {
        const want = reference(nRow, values);
        const got = scratch.f32(y + t * yStride * 4, nRow);
        for (let row = 0; row < nRow; row++) {
          const expected = want[row]! + before[t * yStride + row]!;
          worst = Math.max(worst, Math.abs(got[row]! - expected));
          largest = Math.max(largest, Math.abs(want[row]!), Math.abs(expected));
        }
      }
      return worst / largest;
    }

    for (const dtype of [
      'q4',
      'q4m',
      'q5',
      'q5m',
      'q6',
      'q6b',
      'q7',
      'q8',
      'f32',
      'f16',
      'bf16',
    ] as const) {
      it(`${dtype}: rows that carry an adapter get what it adds, others not a bit`, () => {
        const [nRow, nCol, nTok, rank] = [43, 100, 9, 5];
        const [stride, yStride] = [roundUp(nCol, 32), roundUp(nRow, 32)];
        scratch.reset();
        const w = weightRef(dtype, nRow, nCol, scratch.put(randomMatrix(dtype, nRow, nCol)));
        const [a, b] = [randomValues(rank * nCol, 21), randomValues(nRow * rank, 22)];
        const put = (rows: number, columns: number, values: Float32Array) => {
          const bytes = packFloats('f32', rows, columns, values);
          return weightRef('f32', rows, columns, scratch.put(bytes));
        };
        const paddedA = new Float32Array(8 * nCol);
        paddedA.set(a);
        const term = { a: put(8, nCol, paddedA), b: put(nRow, rank, b) };
        const x = {
          address: scratch.reserve(roundUp(nTok, 4) * stride * 4),
          stride,
          panels: scratch.reserve(panelBytes(nTok, nCol)),
        };
        const inputs = Array.from({ length: nTok }, (_, t) => randomValues(nCol, 30 + t));
        for (const [t, values] of inputs.entries())
          scratch.f32(x.address + t * stride * 4, nCol).set(values);
        const y = scratch.reserve(roundUp(nTok, 4) * yStride * 4);
        const lowRank = { address: scratch.reserve(nTok * 32 * 4), stride: 32 };
        const adapting = new Ops(scratch.kernels, lowRank);
        const product = () => {
          adapting.quantize(x, nTok, w);
          adapting.matmul(w, x, nTok, y, yStride);
          return inputs.map((_, t) => scratch.f32(y + t * yStride * 4, nRow).slice());
        };
        const plain = product();
        const other = weightRef('f32', nRow, nCol, 0);
        adapting.adapted = [
          { first: 1, n: 3, terms: new Map([[w, term]]) },
          { first: 4, n: 2, terms: new Map([[other, term]]) },
          { first: 7, n: 1, terms: new Map([[w, term]]) },
        ];
        const carrying = [1, 2, 3, 7];
        const got = product();
        for (const [t, values] of inputs.entries()) {
          if (!carrying.includes(t)) {
            expect(got[t]).toEqual(plain[t]);
            continue;
          }
          const added = matmulReference(b, nRow, matmulReference(a, rank, values));
          const want = plain[t]!.map((value, row) => value + added[row]!);
          const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          const worst = want.reduce(
            (most, value, row) => Math.max(most, Math.abs(value - got[t]![row]!)),
            0,
          );
          expect(worst / largest).toBeLessThan(TOLERANCE);
          expect(added.some((value) => Math.abs(value) > 0.1)).toBe(true);
        }
      });

      it(`${dtype}: adapters of halves add the same to a row alone and beside others`, () => {
        const [nRow, nCol, nTok] = [43, 100, 5];
        const [stride, yStride] = [roundUp(nCol, 32), roundUp(nRow, 32)];
        for (const rank of [1, 3, 4, 5, 8, 31]) {
          scratch.reset();
          const w = weightRef(dtype, nRow, nCol, scratch.put(randomMatrix(dtype, nRow, nCol)));
          const halves = (n: number, seed: number) =>
            Float32Array.from(randomValues(n, seed), (value) => f16ToF32(f32ToF16(value)));
          const [a, b] = [halves(rank * nCol, 41), halves(nRow * rank, 42)];
          const nRowA = roundUp(rank, 4);
          const paddedA = new Float32Array(nRowA * nCol);
          paddedA.set(a);
          const panels = new Uint16Array(roundUp(nRow, 8) * rank);
          for (let row = 0; row < nRow; row++)
            for (let r = 0; r < rank; r++)
              panels[(row >> 3) * 8 * rank + r * 8 + (row & 7)] = f32ToF16(b[row * rank + r]!);
          const bytesA = scratch.put(packFloats('f16', nRowA, nCol, paddedA));
          const bytesB = scratch.put(new Uint8Array(panels.buffer));
          const term = {
            a: weightRef('f16', nRowA, nCol, bytesA),
            b: weightRef('f16', nRow, rank, bytesB),
          };
          const x = {
            address: scratch.reserve(roundUp(nTok, 4) * stride * 4),
            stride,
            panels: scratch.reserve(panelBytes(nTok, nCol)),
          };
          const inputs = Array.from({ length: nTok }, (_, t) => randomValues(nCol, 50 + t));
          for (const [t, values] of inputs.entries())
            scratch.f32(x.address + t * stride * 4, nCol).set(values);
          const y = scratch.reserve(roundUp(nTok, 4) * yStride * 4);
          const lowRank = { address: scratch.reserve(nTok * 32 * 4), stride: 32 };
          const adapting = new Ops(scratch.kernels, lowRank);
          const terms = new Map([[w, term]]);
          const product = (runs: typeof adapting.adapted) => {
            adapting.adapted = runs;
            adapting.quantize(x, nTok, w);
            adapting.matmul(w, x, nTok, y, yStride);
            return inputs.map((_, t) => scratch.f32(y + t * yStride * 4, nRow).slice());
          };
          const plain = product(null);
          const together = product([{ first: 0, n: nTok, terms }]);
          const alone = product(inputs.map((_, first) => ({ first, n: 1, terms })));
          expect(alone).toEqual(together);
          for (const [t, values] of inputs.entries()) {
            const added = matmulReference(b, nRow, matmulReference(a, rank, values));
            const want = plain[t]!.map((value, row) => value + added[row]!);
            const largest = want.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
            for (const [row, value] of want.entries())
              expect(Math.abs(value - together[t]![row]!) / largest).toBeLessThan(TOLERANCE);
          }
        }
      });

      it(`${dtype}: a token gets the same bits alone and beside others`, () => {
        const [nRow, nCol, nTok] = [43, 96, 9];
        scratch.reset();
        const bytes = randomMatrix(dtype, nRow, nCol);
        const w = weightRef(dtype, nRow, nCol, scratch.put(bytes));
        const inputs = scratch.putF32(randomValues(nTok * nCol, 12));
        const panels = scratch.reserve(panelBytes(nTok, nCol));
        const yStride = roundUp(nRow, 32);
        const y = scratch.reserve(nTok * yStride * 4);
        const product = (first: number, n: number): Float32Array => {
          const x = { address: inputs + first * nCol * 4, stride: nCol, panels };
          ops.quantize(x, n, w);
          ops.matmul(w, x, n, y, yStride);
          return scratch.f32(y, n * yStride).slice();
        };
        const alone = Array.from({ length: nTok }, (_, t) => product(t, 1).slice(0, nRow));
        for (let n = 2; n <= nTok; n++) {
          const together = product(0, n);
          for (let t = 0; t < n; t++) {
            const row = together.slice(t * yStride, t * yStride + nRow);
            expect(row, `token ${t} of ${n}`).toEqual(alone[t]);
          }
        }
      });
    }

    for (const dtype of ['q4', 'q4m', 'q5', 'q5m', 'q6', 'q6b', 'q7', 'q8'] as const) {
      it(`${dtype} equals the reference`, () => {
        for (const [nRow, nCol] of SIZES) {
          const bytes = randomBlocks(dtype, nRow, nCol, nRow * 31 + nCol);
          for (const nTok of TOKENS) {
            const error = worstError(dtype, bytes, nRow, nCol, nTok, nTok % 2 === 1);
            expect(error, `${nRow}x${nCol}, ${nTok} tokens`).toBeLessThan(TOLERANCE);
          }
        }
      });
    }

    for (const dtype of ['f32', 'f16', 'bf16'] as const) {
      it(`${dtype} equals the reference`, () => {
        for (const [nRow, nCol] of SIZES) {
          const bytes = packFloats(dtype, nRow, nCol, randomValues(nRow * nCol, nRow + nCol, 0.1));
          for (const nTok of [1, 3]) {
            const error = worstError(dtype, bytes, nRow, nCol, nTok, nTok === 3);
            expect(error, `${nRow}x${nCol}, ${nTok} tokens`).toBeLessThan(TOLERANCE);
          }
        }
      });
    }

    it('stays exact at the largest operands (no i16 or i32 overflow)', () => {
      for (const dtype of ['q4', 'q4m', 'q5', 'q5m', 'q6', 'q6b', 'q7', 'q8'] as const) {
        const [nRow, nCol] = [8, 64];
        const nBlock = 2;
        // Odd rows have the smallest quants: -16 of five bits is further from 0 than 15.
        const quants = Uint8Array.from({ length: nRow * nCol }, (_, i) =>
          Math.floor(i / nCol) % 2 === 1 ? 0 : QUANT_MAX[dtype],
        );
        const scales = new Float32Array(nRow * nBlock).fill(1);
        const mins = WITH_MIN.has(dtype) ? { mins: new Float32Array(nRow * nBlock).fill(16) } : {};
        const { bytes } = packBlocks(dtype, { nRow, nCol, quants, scales, ...mins });
        scratch.reset();
        const w = weightRef(dtype, nRow, nCol, scratch.put(bytes));
        const x = {
          address: scratch.putF32(new Float32Array(nCol).fill(1)),
          stride: nCol,
          panels: scratch.reserve(panelBytes(1, nCol)),
        };
        const y = scratch.reserve(32 * 4);
        ops.quantize(x, 1, w);
        ops.matmul(w, x, 1, y, 32);
        const dense = unpackMatrix(dtype, nRow, nCol, bytes);
        const want = matmulReference(dense, nRow, new Float32Array(nCol).fill(1));
        for (let row = 0; row < nRow; row++)
          expect(scratch.f32(y, 8)[row]! / want[row]!).toBeCloseTo(1, 6);
      }
    });

    it('looks rows up as unpackRow does', () => {
      for (const dtype of [
        'q4',
        'q4m',
        'q5',
        'q5m',
        'q6',
        'q6b',
        'q7',
        'q8',
        'f32',
        'f16',
        'bf16',
      ] as const) {
        const [nRow, nCol] = [21, 70];
        const bytes = dtype.startsWith('q')
          ? randomBlocks(dtype as BlockDtypeName, nRow, nCol, 9)
          : packFloats(dtype as 'f32', nRow, nCol, randomValues(nRow * nCol, 4));
        expect(bytes.byteLength).toBe(matrixBytes(dtype, nRow, nCol));
        scratch.reset();
        const w = weightRef(dtype, nRow, nCol, scratch.put(bytes));
        const out = scratch.reserve(roundUp(nCol, 32) * 4);
        const dense = unpackMatrix(dtype, nRow, nCol, bytes);
        for (let row = 0; row < nRow; row++) {
          ops.row(w, row, out);
          for (let k = 0; k < nCol; k++) {
            expect(scratch.f32(out, nCol)[k]).toBeCloseTo(dense[row * nCol + k]!, 6);
          }
        }
      }
    });

    it('notices a single wrong weight (the bound bites)', () => {
      const bytes = randomBlocks('q4m', 16, 64, 3);
      const wrong = bytes.slice();
      wrong[0] = wrong[0]! ^ 0x04;
      const dense = unpackMatrix('q4m', 16, 64, bytes);
      const denseWrong = unpackMatrix('q4m', 16, 64, wrong);
      const x = randomValues(64, 1);
      const right = matmulQuantizedReference(dense, 16, x);
      const other = matmulQuantizedReference(denseWrong, 16, x);
      const largest = right.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
      const gap = right.reduce((m, v, i) => Math.max(m, Math.abs(v - other[i]!)), 0);
      expect(gap / largest).toBeGreaterThan(TOLERANCE * 2);
    });
  });
}

describe('the two builds', () => {
  it('give the same bits for block products up to the order of f32 sums', async () => {
    const both = await Promise.all(
      (['relaxed', 'simd'] as const).map((b) => Scratch.create(b, 1 << 20)),
    );
    const bytes = randomBlocks('q4m', 64, 576, 12);
    const results = both.map((scratch) => {
      const ops = new Ops(scratch.kernels);
      const w = weightRef('q4m', 64, 576, scratch.put(bytes));
      const x = {
        address: scratch.putF32(randomValues(576, 8)),
        stride: 576,
        panels: scratch.reserve(panelBytes(1, 576)),
      };
      const y = scratch.reserve(64 * 4);
      ops.quantize(x, 1, w);
      ops.matmul(w, x, 1, y, 64);
      const panels = new Uint8Array(scratch.memory.buffer, x.panels, panelBytes(1, 576)).slice();
      return { y: scratch.f32(y, 64).slice(), panels };
    });
    expect(results[0]!.panels).toEqual(results[1]!.panels);
    const largest = results[0]!.y.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    for (let i = 0; i < 64; i++) {
      expect(Math.abs(results[0]!.y[i]! - results[1]!.y[i]!) / largest).toBeLessThan(TOLERANCE);
    }
  });
});
