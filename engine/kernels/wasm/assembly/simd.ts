// The few operations in which the relaxed and the plain build differ.

/** Bytes 0, 2, ... sign-extended. */
// @ts-ignore: decorator
@inline
export function evenBytes(x: v128): v128 {
  return i16x8.shr_s(i16x8.shl(x, 8), 8);
}
/** Bytes 1, 3, ... sign-extended. */
// @ts-ignore: decorator
@inline
export function oddBytes(x: v128): v128 {
  return i16x8.shr_s(x, 8);
}

/** x[16] i8 times w[16] in 0..127, neighbouring products added: i16x8. Equal bits in both builds. */
// @ts-ignore: decorator
@inline
export function dot(x: v128, w: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i16x8.relaxed_dot_i8x16_i7x16_s(x, w);
  // w is never negative.
  const even = i16x8.mul(evenBytes(x), v128.and(w, i16x8.splat(0x00ff)));
  const odd = i16x8.mul(oddBytes(x), i16x8.shr_u(w, 8));
  return i16x8.add(even, odd);
}

/** a * b + c; fused or not, as the machine chooses, in the relaxed build. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Stores four results, or adds them to the values there. */
// @ts-ignore: decorator
@inline
export function put(y: usize, value: v128, add: i32): void {
  v128.store(y, add ? f32x4.add(v128.load(y), value) : value);
}

/** Nearest whole numbers of lanes that fit i32 (the result for others is the machine's choice). */
// @ts-ignore: decorator
@inline
export function roundToInt(x: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_trunc_f32x4_s(f32x4.nearest(x));
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(x));
}

/** Sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sumF32(v: v128): f32 {
  const halves = f32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return f32x4.extract_lane(halves, 0) + f32x4.extract_lane(halves, 1);
}

// @ts-ignore: decorator
@inline
export function sumI32(v: v128): i32 {
  const halves = i32x4.add(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return i32x4.extract_lane(halves, 0) + i32x4.extract_lane(halves, 1);
}

/** Largest of the four lanes. */
// @ts-ignore: decorator
@inline
export function maxF32(v: v128): f32 {
  const halves = f32x4.pmax(v, i8x16.shuffle(v, v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
  return max(f32x4.extract_lane(halves, 0), f32x4.extract_lane(halves, 1));
}

/** Largest magnitude of n values; NaN is ignored. */
// @ts-ignore: decorator
@inline
export function maxAbs(x: usize, n: usize): f32 {
  let m = f32x4.splat(0), i: usize = 0;
  for (; i + 4 <= n; i += 4) m = f32x4.pmax(m, f32x4.abs(v128.load(x + i * 4)));
  let largest = maxF32(m);
  for (; i < n; i++) {
    const value = abs(load<f32>(x + i * 4));
    if (value > largest) largest = value;
  }
  return largest;
}

/** 2^112: an IEEE half moved into f32's fields is its value times 2^-112. */
export const HALF_SCALE: f32 = 5192296858534827628530496329220096.0;

/** Four halves at `at` as f32, divided by 2^112 (exact, subnormals included). */
// @ts-ignore: decorator
@inline
export function loadHalvesScaled(at: usize, offset: usize = 0): v128 {
  const wide = i32x4.shl(v128.load16x4_s(at + offset), 13);
  return v128.and(wide, i32x4.splat(0x8fffe000));
}

/** The half at `at`. */
// @ts-ignore: decorator
@inline
export function loadHalf(at: usize): f32 {
  return reinterpret<f32>((<i32>load<i16>(at) << 13) & 0x8fffe000) * HALF_SCALE;
}

// V8 rebuilds a constant vector at every use, with several instructions; a load is one.
const EXP = memory.data<f32>([
  -87, -87, -87, -87, 88, 88, 88, 88, 1.44269504, 1.44269504, 1.44269504, 1.44269504,
  -0.693359375, -0.693359375, -0.693359375, -0.693359375, 2.12194440e-4, 2.12194440e-4, 2.12194440e-4, 2.12194440e-4,
  1.3888889e-3, 1.3888889e-3, 1.3888889e-3, 1.3888889e-3, 8.3333333e-3, 8.3333333e-3, 8.3333333e-3, 8.3333333e-3,
  4.1666668e-2, 4.1666668e-2, 4.1666668e-2, 4.1666668e-2, 1.6666667e-1, 1.6666667e-1, 1.6666667e-1, 1.6666667e-1,
  0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1,
], 16);

/**
 * e^x, four lanes: x = n ln 2 + r, a degree-6 polynomial in r, n added to the exponent.
 * Relative error below 2e-7 for -87 <= x <= 88; clamped outside. pmin and pmax are one instruction
 * where min and max, which treat NaN and signed zeros, are many.
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const one = v128.load(EXP, 160);
  const clamped = f32x4.pmin(f32x4.pmax(x, v128.load(EXP)), v128.load(EXP, 16));
  const n = f32x4.nearest(f32x4.mul(clamped, v128.load(EXP, 32)));
  const r = madd(n, v128.load(EXP, 64), madd(n, v128.load(EXP, 48), clamped));
  let p = madd(v128.load(EXP, 80), r, v128.load(EXP, 96));
  p = madd(p, r, v128.load(EXP, 112));
  p = madd(p, r, v128.load(EXP, 128));
  p = madd(p, r, v128.load(EXP, 144));
  p = madd(p, r, one);
  p = madd(p, r, one);
  // n to the exponent's field; p is between 0.7 and 1.5, so that it cannot leave its range.
  return i32x4.add(p, i32x4.shl(roundToInt(n), 23));
}
