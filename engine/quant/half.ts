/** Half-precision and bfloat16 conversions, round to nearest even (IEEE 754; bfloat16 as truncated f32). */

const floatBits = new Float32Array(1);
const intBits = new Uint32Array(floatBits.buffer);

/** 2^-32 to 2^31: halves are made by the million. */
const POWERS = Float64Array.from({ length: 64 }, (_, i) => 2 ** (i - 32));

/** The largest finite half. */
export const MAX_HALF = 65_504;

/** The value of IEEE half `half` (16 bits). */
export function f16ToF32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

/** Nearest IEEE half of `value`, as 16 bits. */
export function f32ToF16(value: number): number {
  floatBits[0] = value;
  const bits = intBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return sign | 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24);
  const exponent = ((bits >>> 23) & 255) - 127;
  // The float may have been rounded up to a power of two: step back then.
  const e = magnitude < POWERS[exponent + 32]! ? exponent - 1 : exponent;
  return sign | (((e + 14) << 10) + roundHalfEven(magnitude * POWERS[42 - e]!));
}

/** Nearest bfloat16 of `value`, as 16 bits. */
export function f32ToBf16(value: number): number {
  floatBits[0] = value;
  const bits = intBits[0]!;
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

export function bf16ToF32(half: number): number {
  intBits[0] = (half << 16) >>> 0;
  return floatBits[0]!;
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest > 0.5 || (rest === 0.5 && floor % 2 === 1)) return floor + 1;
  return floor;
}
