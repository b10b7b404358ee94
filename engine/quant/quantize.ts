/**
 * f32 matrices to quants and scales, with the least squared error a search of scales finds.
 * Blocks of 32 along a row, as engine/quant/layouts.ts packs them.
 *
 * For given quants q the best d of sum (x - d q)^2 is sum(x q) / sum(q q), and what remains is
 * sum(x x) - sum(x q)^2 / sum(q q): one pass over a block rates a candidate scale (the method of
 * make_qx_quants and make_qkx2_quants in ggml-quants.c).
 */
import { BLOCK_COLS } from '../base/dtypes.ts';
import { f16ToF32, f32ToF16 } from './half.ts';
import { QUANT_MAX, QUANT_ZERO } from './layouts.ts';
import type { BlockDtypeName, QuantizedMatrix } from './layouts.ts';

/** Candidates to each side of the plain scale, and how far apart, in quant steps of the range. */
const SEARCH = {
  q4: { steps: 9, step: 0.1 },
  q4m: { steps: 9, step: 0.1 },
  q6: { steps: 8, step: 0.5 },
  q8: { steps: 5, step: 0.8 },
} as const;
/** Largest finite half. */
const HALF_MAX = 65504;

/** Quantizes a row-major [nRow, nCol] matrix of finite values. */
export function quantizeMatrix(
  dtype: BlockDtypeName,
  nRow: number,
  nCol: number,
  values: Float32Array,
): QuantizedMatrix {
  const nBlock = Math.ceil(nCol / BLOCK_COLS);
  const quants = new Uint8Array(nRow * nCol);
  const scales = new Float32Array(nRow * nBlock);
  const mins = new Float32Array(dtype === 'q4m' ? nRow * nBlock : 0);
  for (let row = 0; row < nRow; row++) {
    for (let block = 0; block < nBlock; block++) {
      const start = row * nCol + block * BLOCK_COLS;
      const end = Math.min(start + BLOCK_COLS, (row + 1) * nCol);
      const x = values.subarray(start, end);
      const q = quants.subarray(start, end);
      const at = row * nBlock + block;
      if (dtype === 'q4m') quantizeWithMin(x, q, scales, mins, at);
      else scales[at] = quantizeSymmetric(dtype, x, q);
    }
  }
  return { nRow, nCol, quants, scales, ...(dtype === 'q4m' ? { mins } : {}) };
}

/** w = d (q - zero): fills `q` and returns d, rounded to what the layout stores. */
function quantizeSymmetric(dtype: 'q4' | 'q6' | 'q8', x: Float32Array, q: Uint8Array): number {
  const zero = QUANT_ZERO[dtype];
  const { steps, step } = SEARCH[dtype];
  const peak = signedPeak(x);
  let d = 0;
  let best = 0;
  // The peak goes to -zero, the end of the range that reaches one step further.
  for (let i = -steps; peak !== 0 && i <= steps; i++) {
    const inverse = -(zero + i * step) / peak;
    let sumXq = 0;
    let sumQq = 0;
    for (let k = 0; k < x.length; k++) {
      const value = x[k]!;
      const quant = roundTo(value * inverse, -zero, zero - 1);
      sumXq += value * quant;
      sumQq += quant * quant;
    }
    // In ratios, so that tiny values do not underflow.
    const gain = sumQq > 0 ? (sumXq / peak) * (sumXq / peak / sumQq) : 0;
    if (gain > best) {
      best = gain;
      d = sumXq / sumQq;
    }
  }
  // Below f32's normal range 1 / d would leave it.
  if (dtype === 'q4') d = Math.abs(d) < 2 ** -126 ? 0 : Math.fround(d);
  else d = f16ToF32(f32ToF16(Math.max(-HALF_MAX, Math.min(HALF_MAX, d))));
  const toQuant = 1 / d;
  for (let k = 0; k < x.length; k++) {
    q[k] = d === 0 ? zero : roundTo(x[k]! * toQuant, -zero, zero - 1) + zero;
  }
  return d;
}

/** w = d q + m: fills `q`, `scales[at]` and `mins[at]`. */
function quantizeWithMin(
  x: Float32Array,
  q: Uint8Array,
  scales: Float32Array,
  mins: Float32Array,
  at: number,
): void {
  const qMax = QUANT_MAX.q4m;
  const { steps, step } = SEARCH.q4m;
  const { low, high } = bounds(x);
  let d = 0;
  let m = low;
  let best = Infinity;
  for (let i = -steps; high > low && i <= steps; i++) {
    const fit = fitLine(x, low, (qMax + i * step) / (high - low));
    if (fit.error < best) ({ d, m, error: best } = fit);
  }
  scales[at] = d;
  mins[at] = m;
  d = scales[at]!;
  m = mins[at]!;
  for (let k = 0; k < x.length; k++) {
    q[k] = d === 0 ? 0 : roundTo((x[k]! - m) / d, 0, qMax);
  }
}

/** Least squares of x = d q + m with q = round((x - low) * inverse), and its squared error. */
function fitLine(
  x: Float32Array,
  low: number,
  inverse: number,
): { d: number; m: number; error: number } {
  let sumX = 0;
  let sumQ = 0;
  let sumXq = 0;
  let sumQq = 0;
  let sumXx = 0;
  for (let k = 0; k < x.length; k++) {
    const value = x[k]! - low;
    const quant = roundTo(value * inverse, 0, QUANT_MAX.q4m);
    sumX += value;
    sumQ += quant;
    sumXq += value * quant;
    sumQq += quant * quant;
    sumXx += value * value;
  }
  const determinant = x.length * sumQq - sumQ * sumQ;
  if (determinant <= 0) return { d: 0, m: low, error: Infinity };
  const d = (x.length * sumXq - sumX * sumQ) / determinant;
  const offset = (sumX - d * sumQ) / x.length;
  return { d, m: low + offset, error: sumXx - d * sumXq - offset * sumX };
}

/** The value furthest from 0, with its sign. */
function signedPeak(x: Float32Array): number {
  let peak = 0;
  for (let k = 0; k < x.length; k++) if (Math.abs(x[k]!) > Math.abs(peak)) peak = x[k]!;
  return peak;
}

function bounds(x: Float32Array): { low: number; high: number } {
  let low = Infinity;
  let high = -Infinity;
  for (let k = 0; k < x.length; k++) {
    low = Math.min(low, x[k]!);
    high = Math.max(high, x[k]!);
  }
  return { low, high };
}

/** The whole number next to `value` within [low, high]; in 32-bit integers, the search's hot spot. */
function roundTo(value: number, low: number, high: number): number {
  if (value <= low) return low;
  if (value >= high) return high;
  return ((value + 1024.5) | 0) - 1024;
}
