/**
 * f32 matrices to quants and scales, with the least squared error a search of scales finds.
 * Blocks of 32 along a row, as engine/quant/layouts.ts packs them.
 *
 * For given quants q the best d of sum (x - d q)^2 is sum(x q) / sum(q q), and what remains is
 * sum(x x) - sum(x q)^2 / sum(q q), all sums with the columns' weights: one pass over a block rates a candidate scale (the method of
 * make_qx_quants and make_qkx2_quants in ggml-quants.c).
 */
import { BLOCK_COLS } from '../base/dtypes.ts';
import { f16ToF32, f32ToF16 } from './half.ts';
import { QUANT_MAX, WITH_MIN } from './layouts.ts';
import { QUANT_ZERO } from './block-bytes.ts';
import type { QuantizedMatrix } from './layouts.ts';
import type { BlockDtypeName } from './block-bytes.ts';

/** Candidates to each side of the plain scale, and how far apart, in quant steps of the range. */
const SEARCH = {
  q4: { steps: 9, step: 0.1 },
  q4m: { steps: 9, step: 0.1 },
  q5: { steps: 9, step: 0.2 },
  q5m: { steps: 9, step: 0.2 },
  q6: { steps: 8, step: 0.5 },
  q6b: { steps: 8, step: 0.5 },
  q7: { steps: 9, step: 0.9 },
  q8: { steps: 5, step: 0.8 },
} as const;
/** Largest finite half. */
const HALF_MAX = 65504;

type Numbers = Float32Array;
interface BlockFit {
  readonly d: number;
  readonly m: number;
}

/**
 * Quantizes a row-major [nRow, nCol] matrix of finite values.
 * @param columnWeights how much an error in each column matters, [nCol], finite and not negative:
 *   what is made least is then the sum of weight (x - w)^2 of each block. Without, all weigh the same.
 *   Never gives a block a larger weighted error than without: where a search with weights ends up
 *   worse after scales are rounded, the plain one's numbers are taken.
 */
export function quantizeMatrix(
  dtype: BlockDtypeName,
  nRow: number,
  nCol: number,
  values: Float32Array,
  columnWeights: Float32Array | null = null,
): QuantizedMatrix {
  const nBlock = Math.ceil(nCol / BLOCK_COLS);
  const quants = new Uint8Array(nRow * nCol);
  const scales = new Float32Array(nRow * nBlock);
  const mins = new Float32Array(WITH_MIN.has(dtype) ? nRow * nBlock : 0);
  const search = (WITH_MIN.has(dtype) ? searchWithMin : searchScale).bind(null, dtype);
  for (let row = 0; row < nRow; row++) {
    for (let block = 0; block < nBlock; block++) {
      const start = block * BLOCK_COLS;
      const end = Math.min(start + BLOCK_COLS, nCol);
      const x = values.subarray(row * nCol + start, row * nCol + end);
      let fit = search(x, EQUAL_WEIGHTS);
      const weights = columnWeights?.subarray(start, end);
      if (weights !== undefined) {
        const weighted = search(x, weights);
        if (errorOf(dtype, x, weights, weighted) < errorOf(dtype, x, weights, fit)) fit = weighted;
      }
      const at = row * nBlock + block;
      scales[at] = fit.d;
      if (WITH_MIN.has(dtype)) mins[at] = fit.m;
      const first = row * nCol + start;
      for (let k = 0; k < x.length; k++) quants[first + k] = quantOf(dtype, x[k]!, fit);
    }
  }
  return { nRow, nCol, quants, scales, ...(WITH_MIN.has(dtype) ? { mins } : {}) };
}

const EQUAL_WEIGHTS = new Float32Array(BLOCK_COLS).fill(1);

/** The quant next to x: w = d (q - zero), or d q + m. */
function quantOf(dtype: BlockDtypeName, x: number, { d, m }: BlockFit): number {
  const zero = QUANT_ZERO[dtype];
  if (d === 0) return zero;
  return roundTo((x - m) / d, -zero, QUANT_MAX[dtype] - zero) + zero;
}

/** Sum of weight (x - w)^2 over a block. */
function errorOf(dtype: BlockDtypeName, x: Numbers, weights: Numbers, fit: BlockFit): number {
  let error = 0;
  for (let k = 0; k < x.length; k++) {
    const quant = quantOf(dtype, x[k]!, fit) - QUANT_ZERO[dtype];
    error += weights[k]! * (x[k]! - (fit.d * quant + fit.m)) ** 2;
  }
  return error;
}

/** Values of the block that is searched, and what each candidate gives: in doubles, which need no conversion. */
const block = new Float64Array(BLOCK_COLS);

/** The best d of w = d (q - zero), rounded to what the layout stores. */
function searchScale(dtype: BlockDtypeName, x: Numbers, weights: Numbers): BlockFit {
  const zero = QUANT_ZERO[dtype];
  const { steps, step } = SEARCH[dtype];
  const n = x.length;
  let peak = 0;
  for (let k = 0; k < n; k++) {
    const value = x[k]!;
    block[k] = value;
    if (Math.abs(value) > Math.abs(peak)) peak = value;
  }
  let d = 0;
  let best = 0;
  // The peak goes to -zero, the end of the range that reaches one step further.
  for (let i = -steps; peak !== 0 && i <= steps; i++) {
    const inverse = -(zero + i * step) / peak;
    let sumXq = 0;
    let sumQq = 0;
    if (weights === EQUAL_WEIGHTS) {
      let squares = 0;
      for (let k = 0; k < n; k++) {
        const value = block[k]!;
        const quant = roundTo(value * inverse, -zero, zero - 1) | 0;
        sumXq += value * quant;
        squares = (squares + Math.imul(quant, quant)) | 0;
      }
      sumQq = squares;
    } else {
      for (let k = 0; k < n; k++) {
        const value = block[k]!;
        const quant = roundTo(value * inverse, -zero, zero - 1);
        const weighed = weights[k]! * quant;
        sumXq += value * weighed;
        sumQq += quant * weighed;
      }
    }
    // In ratios, so that tiny values do not underflow.
    const gain = sumQq > 0 ? (sumXq / peak) * (sumXq / peak / sumQq) : 0;
    if (gain > best) {
      best = gain;
      d = sumXq / sumQq;
    }
  }
  // Below f32's normal range 1 / d would leave it.
  if (dtype === 'q4' || dtype === 'q6b') d = Math.abs(d) < 2 ** -126 ? 0 : Math.fround(d);
  else d = toHalf(d);
  return { d, m: 0 };
}

function toHalf(x: number): number {
  return f16ToF32(f32ToF16(Math.max(-HALF_MAX, Math.min(HALF_MAX, x))));
}

/** The best d and m of w = d q + m; in f32 for q4m, whose packing rounds against a row's largest. */
function searchWithMin(dtype: BlockDtypeName, x: Numbers, weights: Numbers): BlockFit {
  const { steps, step } = SEARCH[dtype];
  const max = QUANT_MAX[dtype];
  const { low, high } = bounds(x);
  let d = 0;
  let m = low;
  let best = Infinity;
  for (let i = -steps; high > low && i <= steps; i++) {
    const fit = fitLine(x, weights, low, max, (max + i * step) / (high - low));
    if (fit.error < best) ({ d, m, error: best } = fit);
  }
  const store = dtype === 'q4m' ? Math.fround : toHalf;
  return { d: store(d), m: store(m) };
}

/** Least squares of x = d q + m with q = round((x - low) * inverse), and its squared error. */
function fitLine(
  x: Numbers,
  weights: Numbers,
  low: number,
  max: number,
  inverse: number,
): BlockFit & { error: number } {
  let sumW = 0;
  let sumX = 0;
  let sumQ = 0;
  let sumXq = 0;
  let sumQq = 0;
  let sumXx = 0;
  for (let k = 0; k < x.length; k++) {
    const weight = weights[k]!;
    const value = x[k]! - low;
    const quant = roundTo(value * inverse, 0, max);
    const weighed = weight * quant;
    sumW += weight;
    sumX += weight * value;
    sumQ += weighed;
    sumXq += value * weighed;
    sumQq += quant * weighed;
    sumXx += weight * value * value;
  }
  const determinant = sumW * sumQq - sumQ * sumQ;
  if (!(determinant > 0)) return { d: 0, m: low, error: Infinity };
  const d = (sumW * sumXq - sumX * sumQ) / determinant;
  const offset = (sumX - d * sumQ) / sumW;
  return { d, m: low + offset, error: sumXx - d * sumXq - offset * sumX };
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
