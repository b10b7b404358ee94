// y = W x for 5-bit weights (q5: d (q - 16); q5m: d q + m) and int8 activations.
//
// Five vectors hold eight groups of 5-bit weights: groups 0, 1, 3, 4 and 6 in the low five bits of one
// each, groups 2, 5 and 7 in pieces above them (engine/quant/layouts.ts); 23 operations unpack what
// nibbles and a plane of fifth bits take 35 for. A 5-bit weight is a 7-bit operand. i16 sums start at
// -16 x the sums of x (twice the panel's -8 x) and go over all eight groups: q - 16 is -16 to 15, so
// what is left is at most 16 products of 16 x 127, 32,512; sums may wrap on the way.
// The exact f16 scale of the block comes in f32. q5m: d q + m = d (q - 16) + (m + 16 d), so that the
// second part times the sum of x follows.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, HALF_SCALE, madd, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

// Masks are loaded once: V8 rebuilds a constant at every use, a local it keeps.
const MASKS = memory.data<u8>([
  31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 24, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8,
  16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16, 16,
], 16);
const ONES = memory.data<u16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
/** Sign, exponent and fraction of a half moved into f32's fields. */
const HALF_BITS = memory.data<u32>([0x8fffe000, 0x8fffe000, 0x8fffe000, 0x8fffe000], 16);

/** Groups 2 and 5, gathered from above two others. */
// @ts-ignore: decorator
@inline
function third(t: v128, u: v128, low: v128, high: v128): v128 {
  return v128.or(v128.and(i16x8.shr_u(t, 5), low), v128.and(i16x8.shr_u(u, 2), high));
}
/** Group 7, gathered from above the second, fourth and fifth vector. */
// @ts-ignore: decorator
@inline
function eighth(t1: v128, t3: v128, t4: v128, low: v128, eight: v128, sixteen: v128): v128 {
  const top = v128.or(v128.and(i16x8.shr_u(t1, 4), eight), v128.and(i16x8.shr_u(t3, 3), sixteen));
  return v128.or(v128.and(i16x8.shr_u(t4, 5), low), top);
}
/** Four halves, sign-extended to i32, as f32 divided by 2^112. */
// @ts-ignore: decorator
@inline
function halves(v: v128, bits: v128): v128 {
  return v128.and(i32x4.shl(v, 13), bits);
}

/** Two panels per pass, half the matrix apart, as in matmul-q4.ts. */
// @ts-ignore: decorator
@inline
function one(w: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32, withMin: bool): void {
  const five = v128.load(MASKS), low = v128.load(MASKS, 16), high = v128.load(MASKS, 32);
  const eight = v128.load(MASKS, 48), sixteen = v128.load(MASKS, 64), ones = v128.load(ONES), bits = v128.load(HALF_BITS);
  const half = f32x4.splat(HALF_SCALE), sixteenth = f32x4.splat(HALF_SCALE / 16), times = f32x4.splat(16);
  const blockBytes: usize = withMin ? 192 : 176;
  const nSecond = nPanel >> 1, nFirst = nPanel - nSecond;
  for (let p = 0; p < nFirst; p++) {
    const apart = p < nSecond ? <usize>nFirst : 0;
    let w2 = w + apart * <usize>nBlock * blockBytes;
    let xq = x;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let b = 0; b < nBlock; b++) {
      let t: v128, u: v128, x0: v128, x1: v128, x2: v128, i0: v128, i1: v128, i2: v128, i3: v128;
      x0 = v128.load(xq, 128);
      i0 = i16x8.add(x0, x0);
      i1 = i2 = i3 = i0;
      x0 = v128.load(xq, 0);
      x1 = v128.load(xq, 16);
      x2 = v128.load(xq, 32);
      t = v128.load(w, 0);
      u = v128.load(w, 32);
      i0 = i16x8.add(i0, dot(x0, v128.and(t, five)));
      i0 = i16x8.add(i0, dot(x1, v128.and(u, five)));
      i0 = i16x8.add(i0, dot(x2, third(t, u, low, high)));
      t = v128.load(w, 16);
      u = v128.load(w, 48);
      i1 = i16x8.add(i1, dot(x0, v128.and(t, five)));
      i1 = i16x8.add(i1, dot(x1, v128.and(u, five)));
      i1 = i16x8.add(i1, dot(x2, third(t, u, low, high)));
      t = v128.load(w2, 0);
      u = v128.load(w2, 32);
      i2 = i16x8.add(i2, dot(x0, v128.and(t, five)));
      i2 = i16x8.add(i2, dot(x1, v128.and(u, five)));
      i2 = i16x8.add(i2, dot(x2, third(t, u, low, high)));
      t = v128.load(w2, 16);
      u = v128.load(w2, 48);
      i3 = i16x8.add(i3, dot(x0, v128.and(t, five)));
      i3 = i16x8.add(i3, dot(x1, v128.and(u, five)));
      i3 = i16x8.add(i3, dot(x2, third(t, u, low, high)));
      x0 = v128.load(xq, 48);
      x1 = v128.load(xq, 64);
      x2 = v128.load(xq, 80);
      t = v128.load(w, 64);
      u = v128.load(w, 96);
      i0 = i16x8.add(i0, dot(x0, v128.and(t, five)));
      i0 = i16x8.add(i0, dot(x1, v128.and(u, five)));
      i0 = i16x8.add(i0, dot(x2, third(t, u, low, high)));
      t = v128.load(w, 80);
      u = v128.load(w, 112);
      i1 = i16x8.add(i1, dot(x0, v128.and(t, five)));
      i1 = i16x8.add(i1, dot(x1, v128.and(u, five)));
      i1 = i16x8.add(i1, dot(x2, third(t, u, low, high)));
      t = v128.load(w2, 64);
      u = v128.load(w2, 96);
      i2 = i16x8.add(i2, dot(x0, v128.and(t, five)));
      i2 = i16x8.add(i2, dot(x1, v128.and(u, five)));
      i2 = i16x8.add(i2, dot(x2, third(t, u, low, high)));
      t = v128.load(w2, 80);
      u = v128.load(w2, 112);
      i3 = i16x8.add(i3, dot(x0, v128.and(t, five)));
      i3 = i16x8.add(i3, dot(x1, v128.and(u, five)));
      i3 = i16x8.add(i3, dot(x2, third(t, u, low, high)));
      x0 = v128.load(xq, 96);
      x1 = v128.load(xq, 112);
      t = v128.load(w, 128);
      i0 = i16x8.add(i0, dot(x0, v128.and(t, five)));
      i0 = i16x8.add(i0, dot(x1, eighth(v128.load(w, 32), v128.load(w, 96), t, low, eight, sixteen)));
      t = v128.load(w, 144);
      i1 = i16x8.add(i1, dot(x0, v128.and(t, five)));
      i1 = i16x8.add(i1, dot(x1, eighth(v128.load(w, 48), v128.load(w, 112), t, low, eight, sixteen)));
      t = v128.load(w2, 128);
      i2 = i16x8.add(i2, dot(x0, v128.and(t, five)));
      i2 = i16x8.add(i2, dot(x1, eighth(v128.load(w2, 32), v128.load(w2, 96), t, low, eight, sixteen)));
      t = v128.load(w2, 144);
      i3 = i16x8.add(i3, dot(x0, v128.and(t, five)));
      i3 = i16x8.add(i3, dot(x1, eighth(v128.load(w2, 48), v128.load(w2, 112), t, low, eight, sixteen)));
      x0 = f32x4.mul(v128.load(xq, 160), half);
      if (withMin) x1 = f32x4.mul(v128.load(xq, 144), sixteenth);
      t = halves(v128.load16x4_s(w, 160), bits);
      a0 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i0, ones)), f32x4.mul(t, x0), a0);
      if (withMin) a0 = madd(madd(t, times, halves(v128.load16x4_s(w, 176), bits)), x1, a0);
      t = halves(v128.load16x4_s(w, 168), bits);
      a1 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i1, ones)), f32x4.mul(t, x0), a1);
      if (withMin) a1 = madd(madd(t, times, halves(v128.load16x4_s(w, 184), bits)), x1, a1);
      t = halves(v128.load16x4_s(w2, 160), bits);
      a2 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i2, ones)), f32x4.mul(t, x0), a2);
      if (withMin) a2 = madd(madd(t, times, halves(v128.load16x4_s(w2, 176), bits)), x1, a2);
      t = halves(v128.load16x4_s(w2, 168), bits);
      a3 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i3, ones)), f32x4.mul(t, x0), a3);
      if (withMin) a3 = madd(madd(t, times, halves(v128.load16x4_s(w2, 184), bits)), x1, a3);
      w += blockBytes;
      w2 += blockBytes;
      xq += BLOCK_BYTES;
    }
    put(y, a0, add);
    put(y + 16, a1, add);
    if (apart != 0) {
      put(y + apart * 32, a2, add);
      put(y + apart * 32 + 16, a3, add);
    }
    y += 32;
  }
}

/** N tokens (tile.ts), four rows (first or second half of the panel, `side` = 0 or 16). */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32, side: usize, withMin: bool): void {
  const five = v128.load(MASKS), low = v128.load(MASKS, 16), high = v128.load(MASKS, 32);
  const eight = v128.load(MASKS, 48), sixteen = v128.load(MASKS, 64), ones = v128.load(ONES), bits = v128.load(HALF_BITS);
  const half = f32x4.splat(HALF_SCALE), sixteenth = f32x4.splat(HALF_SCALE / 16), times = f32x4.splat(16);
  const zero = f32x4.splat(0);
  const blockBytes: usize = withMin ? 192 : 176;
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  let d = w + (side >> 1);
  w += side;
  for (let b = 0; b < nBlock; b++) {
    let v: v128, t: v128, u: v128, g: v128, top: v128, i0: v128, i1 = zero, i2 = zero, i3 = zero;
    v = v128.load(x, 128 * offsetof<N>() + 0); i0 = i16x8.add(v, v);
    if (offsetof<N>() > 1) { v = v128.load(x, 128 * offsetof<N>() + 16); i1 = i16x8.add(v, v); }
    if (offsetof<N>() > 2) { v = v128.load(x, 128 * offsetof<N>() + 32); i2 = i16x8.add(v, v); }
    if (offsetof<N>() > 3) { v = v128.load(x, 128 * offsetof<N>() + 48); i3 = i16x8.add(v, v); }
    t = v128.load(w, 0);
    g = v128.and(t, five);
    v = v128.load(x, 0 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 0 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 0 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 0 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    u = v128.load(w, 32);
    top = v128.and(i16x8.shr_u(u, 4), eight);
    g = v128.and(u, five);
    v = v128.load(x, 16 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 16 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 16 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 16 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    g = third(t, u, low, high);
    v = v128.load(x, 32 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 32 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 32 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 32 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    t = v128.load(w, 64);
    g = v128.and(t, five);
    v = v128.load(x, 48 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 48 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 48 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 48 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    u = v128.load(w, 96);
    top = v128.or(top, v128.and(i16x8.shr_u(u, 3), sixteen));
    g = v128.and(u, five);
    v = v128.load(x, 64 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 64 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 64 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 64 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    g = third(t, u, low, high);
    v = v128.load(x, 80 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 80 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 80 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 80 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    t = v128.load(w, 128);
    g = v128.and(t, five);
    v = v128.load(x, 96 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 96 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 96 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 96 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    g = v128.or(v128.and(i16x8.shr_u(t, 5), low), top);
    v = v128.load(x, 112 * offsetof<N>() + 0); i0 = i16x8.add(i0, dot(v, g));
    if (offsetof<N>() > 1) { v = v128.load(x, 112 * offsetof<N>() + 16); i1 = i16x8.add(i1, dot(v, g)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 112 * offsetof<N>() + 32); i2 = i16x8.add(i2, dot(v, g)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 112 * offsetof<N>() + 48); i3 = i16x8.add(i3, dot(v, g)); }
    t = halves(v128.load16x4_s(d, 160), bits);
    if (withMin) u = madd(t, times, halves(v128.load16x4_s(d, 176), bits));
    a0 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i0, ones)), f32x4.mul(t, f32x4.mul(v128.load(x, 160 * offsetof<N>() + 0), half)), a0);
    if (withMin) a0 = madd(u, f32x4.mul(v128.load(x, 144 * offsetof<N>() + 0), sixteenth), a0);
    if (offsetof<N>() > 1) {
      a1 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i1, ones)), f32x4.mul(t, f32x4.mul(v128.load(x, 160 * offsetof<N>() + 16), half)), a1);
      if (withMin) a1 = madd(u, f32x4.mul(v128.load(x, 144 * offsetof<N>() + 16), sixteenth), a1);
    }
    if (offsetof<N>() > 2) {
      a2 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i2, ones)), f32x4.mul(t, f32x4.mul(v128.load(x, 160 * offsetof<N>() + 32), half)), a2);
      if (withMin) a2 = madd(u, f32x4.mul(v128.load(x, 144 * offsetof<N>() + 32), sixteenth), a2);
    }
    if (offsetof<N>() > 3) {
      a3 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i3, ones)), f32x4.mul(t, f32x4.mul(v128.load(x, 160 * offsetof<N>() + 48), half)), a3);
      if (withMin) a3 = madd(u, f32x4.mul(v128.load(x, 144 * offsetof<N>() + 48), sixteenth), a3);
    }
    w += blockBytes;
    d += blockBytes;
    x += BLOCK_BYTES * offsetof<N>();
  }
  put(y + side, a0, add);
  if (offsetof<N>() > 1) put(y + side + ys, a1, add);
  if (offsetof<N>() > 2) put(y + side + 2 * ys, a2, add);
  if (offsetof<N>() > 3) put(y + side + 3 * ys, a3, add);
}
function fourQ5(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, x, y, nBlock, ys, add, 0, false);
  tile<Four>(w, x, y, nBlock, ys, add, 16, false);
}
function threeQ5(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, x, y, nBlock, ys, add, 0, false);
  tile<Three>(w, x, y, nBlock, ys, add, 16, false);
}
function twoQ5(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, x, y, nBlock, ys, add, 0, false);
  tile<Two>(w, x, y, nBlock, ys, add, 16, false);
}
function singleQ5(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, x, y, nBlock, ys, add, 0, false);
  tile<One>(w, x, y, nBlock, ys, add, 16, false);
}
function fourQ5m(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, x, y, nBlock, ys, add, 0, true);
  tile<Four>(w, x, y, nBlock, ys, add, 16, true);
}
function threeQ5m(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, x, y, nBlock, ys, add, 0, true);
  tile<Three>(w, x, y, nBlock, ys, add, 16, true);
}
function twoQ5m(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, x, y, nBlock, ys, add, 0, true);
  tile<Two>(w, x, y, nBlock, ys, add, 16, true);
}
function singleQ5m(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, x, y, nBlock, ys, add, 0, true);
  tile<One>(w, x, y, nBlock, ys, add, 16, true);
}

/** One tile of tokens over `nPanel` panels. */
// @ts-ignore: decorator
@inline
function tiles(w: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, ys: usize, add: i32, withMin: bool): void {
  for (let p = 0; p < nPanel; p++) {
    if (nTok >= 4) {
      if (withMin) fourQ5m(w, x, y, nBlock, ys, add);
      else fourQ5(w, x, y, nBlock, ys, add);
    } else if (nTok == 3) {
      if (withMin) threeQ5m(w, x, y, nBlock, ys, add);
      else threeQ5(w, x, y, nBlock, ys, add);
    } else if (nTok == 2) {
      if (withMin) twoQ5m(w, x, y, nBlock, ys, add);
      else twoQ5(w, x, y, nBlock, ys, add);
    } else {
      if (withMin) singleQ5m(w, x, y, nBlock, ys, add);
      else singleQ5(w, x, y, nBlock, ys, add);
    }
    w += <usize>nBlock * (withMin ? 192 : 176);
    y += 32;
  }
}

/** As in matmul-q4.ts. */
// @ts-ignore: decorator
@inline
function many(w: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32, withMin: bool): void {
  const ys = yStride << 2;
  const tileBytes = <usize>nBlock * BLOCK_BYTES * 4;
  const panelBytes = <usize>nBlock * (withMin ? 192 : 176);
  for (let p = 0; p < nPanel; p += PANELS_TOGETHER) {
    const n = min(PANELS_TOGETHER, nPanel - p);
    let xt = x, yt = y;
    for (let left = nTok; left > 0; left -= 4) {
      tiles(w, xt, yt, n, nBlock, left, ys, add, withMin);
      xt += tileBytes;
      yt += 4 * ys;
    }
    w += <usize>n * panelBytes;
    y += <usize>n * 32;
  }
}

/** As matmulQ4One and matmulQ4Many; there are no row multipliers to read at `rows`. */
export function matmulQ5One(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  one(w, x, y, nPanel, nBlock, add, false);
}
export function matmulQ5mOne(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  one(w, x, y, nPanel, nBlock, add, true);
}
export function matmulQ5Many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  many(w, x, y, nPanel, nBlock, nTok, yStride, add, false);
}
export function matmulQ5mMany(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  many(w, x, y, nPanel, nBlock, nTok, yStride, add, true);
}
