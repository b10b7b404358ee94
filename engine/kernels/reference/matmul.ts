/**
 * Plain references of the products, in float64: what the WebAssembly kernels are tested against, and
 * the float path that parity is measured with.
 */
import { BLOCK_COLS } from '../../base/dtypes.ts';

export interface QuantizedRow {
  /** [nCol] in -steps..steps. */
  readonly quants: Int8Array;
  /** One per block of 32: max|x| / steps. */
  readonly scales: Float32Array;
}

/** Steps of activations to each side of 0, and of activations for weights of 81 steps. */
export const ACTIVATION_STEPS = 127;
export const COARSE_STEPS = 51;

/** q = round(x * steps / max|x|) per block of 32, ties to even, in f32 as the kernel computes it. */
export function quantizeReference(x: Float32Array, steps = ACTIVATION_STEPS): QuantizedRow {
  const quants = new Int8Array(x.length);
  const scales = new Float32Array(Math.ceil(x.length / BLOCK_COLS));
  for (let b = 0; b < scales.length; b++) {
    const block = x.subarray(b * BLOCK_COLS, (b + 1) * BLOCK_COLS);
    const largest = block.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
    if (!(largest > 1e-30)) continue;
    scales[b] = largest / steps;
    const inverse = Math.fround(steps / largest);
    for (let k = 0; k < block.length; k++) {
      quants[b * BLOCK_COLS + k] = roundTiesToEven(Math.fround(block[k]! * inverse));
    }
  }
  return { quants, scales };
}

function roundTiesToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** y = W x with x rounded to int8 per block; w row-major [nRow, nCol] (engine/quant/layouts unpackMatrix). */
export function matmulQuantizedReference(
  w: Float32Array,
  nRow: number,
  x: Float32Array,
  steps = ACTIVATION_STEPS,
): Float64Array {
  const { quants, scales } = quantizeReference(x, steps);
  const rounded = Float64Array.from(quants, (q, k) => q * scales[Math.floor(k / BLOCK_COLS)]!);
  return matmulReference(w, nRow, rounded);
}

/** y = W x, all in float64. */
export function matmulReference(
  w: Float32Array,
  nRow: number,
  x: Float32Array | Float64Array,
): Float64Array {
  const nCol = x.length;
  return Float64Array.from({ length: nRow }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < nCol; k++) sum += w[row * nCol + k]! * x[k]!;
    return sum;
  });
}
