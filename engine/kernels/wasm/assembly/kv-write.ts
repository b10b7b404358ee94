// Keys and values of one token into its cache page. Page geometry: engine/cache/geometry.ts.
//
// A section holds PAGE_TOKENS tokens of one layer and one key/value head; heads are `sectionBytes`
// apart. dimPad = headDim rounded up to 16, padding zero.
//   q8:  K int8 [8 fours of tokens][dimPad / 4][4 tokens][4 dims] | K scale f32 [32]
//        V int8 [dimPad / 8][16 pairs of tokens][8 dims][2 tokens] | V scale f32 [32]
//   f16: K half [4 eights of tokens][dimPad][8 tokens] | V half [dimPad / 8][32 tokens][8 dims]
// So that a vector of keys holds several tokens, whose scores come out side by side, and that
// attention reads every section in ascending order. Scale = max|x| / 127.

import { maxAbs, roundToInt } from './simd';

export const PAGE_TOKENS: usize = 32;

export function kvWriteQ8(k: usize, v: usize, section: usize, slot: usize, nKvHead: i32, headDim: usize, dimPad: usize, sectionBytes: usize): void {
  for (let h = 0; h < nKvHead; h++) {
    const kScale = section + PAGE_TOKENS * dimPad;
    const values = kScale + PAGE_TOKENS * 4;
    const vScale = values + PAGE_TOKENS * dimPad;
    const kInverse = scaleOf(k, headDim, kScale + slot * 4);
    const vInverse = scaleOf(v, headDim, vScale + slot * 4);
    writeKeysQ8(k, headDim, kInverse, section + (slot >> 2) * dimPad * 4 + (slot & 3) * 4);
    writeValuesQ8(v, headDim, vInverse, values + (slot >> 1) * 16, slot & 1);
    k += headDim * 4;
    v += headDim * 4;
    section += sectionBytes;
  }
}

/** Groups of four values 16 bytes apart. */
// @ts-ignore: decorator
@inline
function writeKeysQ8(x: usize, n: usize, inverse: f32, to: usize): void {
  const by = f32x4.splat(inverse);
  let i: usize = 0;
  for (; i + 4 <= n; i += 4) {
    const whole = roundToInt(f32x4.mul(v128.load(x + i * 4), by));
    const halves = i16x8.narrow_i32x4_s(whole, whole);
    v128.store32_lane(to + i * 4, i8x16.narrow_i16x8_s(halves, halves), 0);
  }
  for (; i < n; i++) store<i8>(to + (i >> 2) * 16 + (i & 3), <i8>nearest<f32>(load<f32>(x + i * 4) * inverse));
}

/** Groups of eight values, every other byte of 16; the neighbour's bytes stay. `side` is 0 or 1. */
// @ts-ignore: decorator
@inline
function writeValuesQ8(x: usize, n: usize, inverse: f32, to: usize, side: usize): void {
  const by = f32x4.splat(inverse);
  const mask = i16x8.shl(i16x8.splat(0x00ff), <i32>side * 8);
  let i: usize = 0;
  for (; i + 8 <= n; i += 8) {
    const lo = roundToInt(f32x4.mul(v128.load(x + i * 4), by));
    const hi = roundToInt(f32x4.mul(v128.load(x + i * 4, 16), by));
    const bytes = i16x8.shl(i16x8.narrow_i32x4_s(lo, hi), <i32>side * 8);
    const at = to + i * PAGE_TOKENS;
    v128.store(at, v128.bitselect(bytes, v128.load(at), mask));
  }
  for (; i < n; i++) {
    store<i8>(to + (i >> 3) * (PAGE_TOKENS * 8) + (i & 7) * 2 + side, <i8>nearest<f32>(load<f32>(x + i * 4) * inverse));
  }
}

/** Stores max|x| / 127 and returns its inverse (0 for a zero vector). */
// @ts-ignore: decorator
@inline
function scaleOf(x: usize, n: usize, out: usize): f32 {
  let largest = maxAbs(x, n);
  if (!(largest > 1e-30)) largest = 0;
  store<f32>(out, largest / 127);
  return largest > 0 ? <f32>127 / largest : 0;
}

export function kvWriteF16(k: usize, v: usize, section: usize, slot: usize, nKvHead: i32, headDim: usize, dimPad: usize, sectionBytes: usize): void {
  for (let h = 0; h < nKvHead; h++) {
    const kAt = section + (slot >> 3) * dimPad * 16 + (slot & 7) * 2;
    const vAt = section + PAGE_TOKENS * dimPad * 2 + slot * 16;
    for (let i: usize = 0; i < headDim; i++) {
      store<u16>(kAt + i * 16, toHalf(load<f32>(k + i * 4)));
      store<u16>(vAt + (i >> 3) * (PAGE_TOKENS * 16) + (i & 7) * 2, toHalf(load<f32>(v + i * 4)));
    }
    k += headDim * 4;
    v += headDim * 4;
    section += sectionBytes;
  }
}

/** Nearest half, ties to even; beyond 65,504 clamped (an infinite key would poison every later token). */
// @ts-ignore: decorator
@inline
function toHalf(x: f32): u16 {
  const clamped = min<f32>(max<f32>(x, -65504), 65504);
  const bits = reinterpret<u32>(clamped);
  const sign = (bits >> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  // Subnormal halves: adding 0.5 leaves the rounded value in the low mantissa bits of f32.
  if (magnitude < 0x38800000) {
    const shifted = reinterpret<u32>(reinterpret<f32>(magnitude) + <f32>0.5);
    return <u16>(sign | (shifted - 0x3f000000));
  }
  const rounded = magnitude + 0xfff + ((magnitude >> 13) & 1);
  return <u16>(sign | ((rounded - 0x38000000) >> 13));
}
