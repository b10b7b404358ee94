/** Tensor bytes as files hold them: floats, and random blocks of the quantized types. */
import { dequantize } from '../../engine/quant/dequantize.ts';
import { f16ToF32, f32ToBf16, f32ToF16 } from '../../engine/quant/half.ts';
import { SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import { seededRandom } from './random.ts';

/**
 * Where a block's half-precision scale lies, and its minimum (or factor of minimums) with the ratio
 * to the scale that centres the values on zero. All other bytes of a block are free.
 */
interface ScalePlace {
  readonly scale: number;
  readonly minimum?: number;
  readonly ratio?: number;
  /** Where the scale is no half in one place. */
  readonly put?: (view: DataView, at: number, value: number) => void;
}
const SCALES: Partial<Record<SourceDtype, ScalePlace>> = {
  Q4_0: { scale: 0 },
  Q4_1: { scale: 0, minimum: 2, ratio: -7.5 },
  Q5_0: { scale: 0 },
  Q5_1: { scale: 0, minimum: 2, ratio: -15.5 },
  Q8_0: { scale: 0 },
  IQ4_NL: { scale: 0 },
  Q2_K: { scale: 80, minimum: 82, ratio: 1.5 },
  Q3_K: { scale: 108 },
  Q4_K: { scale: 0, minimum: 2, ratio: 7.5 },
  Q5_K: { scale: 0, minimum: 2, ratio: 15.5 },
  Q6_K: { scale: 208 },
  IQ1_S: { scale: 0 },
  IQ1_M: { scale: 48, put: putNibblesOfHalf },
  IQ2_XXS: { scale: 0 },
  IQ2_XS: { scale: 0 },
  IQ2_S: { scale: 0 },
  IQ3_XXS: { scale: 0 },
  IQ3_S: { scale: 0 },
  IQ4_XS: { scale: 0 },
  TQ1_0: { scale: 52 },
  TQ2_0: { scale: 64 },
  // A power of two.
  MXFP4: { scale: 0, put: (view, at, value) => view.setUint8(at, 128 + Math.log2(value)) },
  Q1_0: { scale: 0 },
  Q2_0: { scale: 0 },
};

/** IQ1_M has a quarter of its scale in the highest bits of each of four words. */
function putNibblesOfHalf(view: DataView, at: number, value: number): void {
  const half = f32ToF16(value);
  for (let i = 0; i < 4; i++) {
    const word = view.getUint16(at + 2 * i, true) & 0x0fff;
    view.setUint16(at + 2 * i, word | (((half >> (4 * i)) & 15) << 12), true);
  }
}

/** `count` values of root mean square `spread` as blocks whose scales differ by up to a half. */
export function randomBlocks(
  dtype: SourceDtype,
  count: number,
  spread: number,
  seed: number,
): Uint8Array {
  const row = SCALES[dtype];
  if (row === undefined) throw new RangeError(`${dtype} has no blocks`);
  const { blockElements, blockBytes } = SOURCE_DTYPES[dtype];
  const random = seededRandom(seed);
  const nBlock = count / blockElements;
  const bytes = new Uint8Array(nBlock * blockBytes);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256;
  const view = new DataView(bytes.buffer);
  const shapes = Float64Array.from({ length: nBlock }, () => 0.75 + random() / 2);
  const putScale =
    row.put ?? ((bytes: DataView, at, value) => bytes.setUint16(at, f32ToF16(value), true));
  const putScales = (unit: number) => {
    for (const [block, shape] of shapes.entries()) {
      const at = block * blockBytes;
      putScale(view, at + row.scale, unit * shape);
      if (row.minimum !== undefined)
        view.setUint16(at + row.minimum, f32ToF16(unit * shape * (row.ratio ?? 1)), true);
    }
  };
  putScales(1);
  const values = dequantize(dtype, bytes);
  putScales(spread / Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / count));
  return bytes;
}

export function encodeFloats(dtype: SourceDtype, values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.slice().buffer);
  if (dtype !== 'F16' && dtype !== 'BF16') throw new RangeError(`${dtype} is no float type`);
  const round = dtype === 'F16' ? f32ToF16 : f32ToBf16;
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < halves.length; i++) halves[i] = round(values[i]!);
  return new Uint8Array(halves.buffer);
}

/** Quants a scale reaches, and the one that means zero, of types with one scale a block. */
const ROUNDED = {
  Q4_0: { reach: 8, zero: 8, max: 15, blockBytes: 18 },
  Q5_0: { reach: 16, zero: 16, max: 31, blockBytes: 22 },
  Q8_0: { reach: 127, zero: 0, max: 127, blockBytes: 34 },
} as const;
type RoundedType = keyof typeof ROUNDED;

export function isRoundedType(dtype: SourceDtype): dtype is RoundedType {
  return Object.hasOwn(ROUNDED, dtype);
}

/** The values rounded to blocks, as a plain quantizer does (ggml-quants.c, `quantize_row_q5_0_ref` ...). */
export function roundToBlocks(dtype: RoundedType, values: Float32Array): Uint8Array {
  const { reach, zero, max, blockBytes } = ROUNDED[dtype];
  const bytes = new Uint8Array((values.length / 32) * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let at = 0, start = 0; at < values.length; at += 32, start += blockBytes) {
    const block = values.subarray(at, at + 32);
    const peak = block.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0);
    const half = f32ToF16(peak / (zero === 0 ? reach : -reach));
    const scale = f16ToF32(half);
    const low = zero === 0 ? -max : 0;
    const quants = Array.from(block, (x) =>
      Math.max(low, Math.min(max, Math.round(scale === 0 ? 0 : x / scale) + zero)),
    );
    view.setUint16(start, half, true);
    if (dtype === 'Q8_0') {
      for (const [k, q] of quants.entries()) view.setInt8(start + 2 + k, q);
      continue;
    }
    const nibblesAt = start + blockBytes - 16;
    for (let k = 0; k < 16; k++)
      bytes[nibblesAt + k] = (quants[k]! & 15) | ((quants[16 + k]! & 15) << 4);
    if (dtype === 'Q5_0')
      view.setUint32(
        start + 2,
        quants.reduce((bits, q, k) => bits | ((q >> 4) << k), 0) >>> 0,
        true,
      );
  }
  return bytes;
}
