// y = W x for 6-bit weights, d (q - 32), and int8 activations.
//
// Three vectors hold four groups of 6-bit weights: groups 0-2 in the low six bits of a vector each,
// group 3 in their high pairs (engine/quant/layouts.ts). A 6-bit weight is a 7-bit operand; two dot
// products fit i16 (32,004), then pairs widen to i32. The zero point is -32 x the sum of x: the
// panel's -8 x pair sums times 4. Sums are exact and are multiplied with the exact f16 scale in f32.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, HALF_SCALE, loadHalvesScaled, madd, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

const SIX = memory.data<u8>([63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63], 16);
const ONES = memory.data<u16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
const FOURS = memory.data<u16>([4, 4, 4, 4, 4, 4, 4, 4], 16);
const LOW_PAIR = memory.data<u8>([3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3], 16);
const MIDDLE_PAIR = memory.data<u8>([12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12, 12], 16);
const HIGH_PAIR = memory.data<u8>([48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48, 48], 16);

/** Group 3, gathered from the high pairs of the three vectors. */
// @ts-ignore: decorator
@inline
function fourth(t0: v128, t1: v128, t2: v128, low: v128, middle: v128, high: v128): v128 {
  const a = v128.and(i16x8.shr_u(t0, 6), low);
  const b = v128.and(i16x8.shr_u(t1, 4), middle);
  return v128.or(v128.or(a, b), v128.and(i16x8.shr_u(t2, 2), high));
}
/** Pair sums of two dot products, widened, the two halves of a row added. */
// @ts-ignore: decorator
@inline
function twoDots(x: v128, w: v128, u: v128, v: v128, ones: v128): v128 {
  return i32x4.dot_i16x8_s(i16x8.add(dot(x, w), dot(u, v)), ones);
}

/** Two panels per pass, half the matrix apart, as in matmul-q4.ts. */
export function matmulQ6One(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  const six = v128.load(SIX), ones = v128.load(ONES), half = f32x4.splat(HALF_SCALE);
  const low = v128.load(LOW_PAIR), middle = v128.load(MIDDLE_PAIR), high = v128.load(HIGH_PAIR);
  const nSecond = nPanel >> 1, nFirst = nPanel - nSecond;
  for (let p = 0; p < nFirst; p++) {
    const apart = p < nSecond ? <usize>nFirst : 0;
    let w2 = w + apart * <usize>nBlock * 208;
    let xq = x;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let b = 0; b < nBlock; b++) {
      let s0 = i32x4.dot_i16x8_s(v128.load(xq, 128), v128.load(FOURS)), s1 = s0, s2 = s0, s3 = s0;
      let t0: v128, t1: v128, t2: v128, x0: v128, x1: v128, x2: v128, x3: v128;
      x0 = v128.load(xq, 0);
      x1 = v128.load(xq, 16);
      x2 = v128.load(xq, 32);
      x3 = v128.load(xq, 48);
      t0 = v128.load(w, 0);
      t1 = v128.load(w, 32);
      t2 = v128.load(w, 64);
      s0 = i32x4.add(s0, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s0 = i32x4.add(s0, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w, 16);
      t1 = v128.load(w, 48);
      t2 = v128.load(w, 80);
      s1 = i32x4.add(s1, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s1 = i32x4.add(s1, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w2, 0);
      t1 = v128.load(w2, 32);
      t2 = v128.load(w2, 64);
      s2 = i32x4.add(s2, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s2 = i32x4.add(s2, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w2, 16);
      t1 = v128.load(w2, 48);
      t2 = v128.load(w2, 80);
      s3 = i32x4.add(s3, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s3 = i32x4.add(s3, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      x0 = v128.load(xq, 64);
      x1 = v128.load(xq, 80);
      x2 = v128.load(xq, 96);
      x3 = v128.load(xq, 112);
      t0 = v128.load(w, 96);
      t1 = v128.load(w, 128);
      t2 = v128.load(w, 160);
      s0 = i32x4.add(s0, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s0 = i32x4.add(s0, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w, 112);
      t1 = v128.load(w, 144);
      t2 = v128.load(w, 176);
      s1 = i32x4.add(s1, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s1 = i32x4.add(s1, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w2, 96);
      t1 = v128.load(w2, 128);
      t2 = v128.load(w2, 160);
      s2 = i32x4.add(s2, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s2 = i32x4.add(s2, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      t0 = v128.load(w2, 112);
      t1 = v128.load(w2, 144);
      t2 = v128.load(w2, 176);
      s3 = i32x4.add(s3, twoDots(x0, v128.and(t0, six), x1, v128.and(t1, six), ones));
      s3 = i32x4.add(s3, twoDots(x2, v128.and(t2, six), x3, fourth(t0, t1, t2, low, middle, high), ones));
      const scale = f32x4.mul(v128.load(xq, 160), half);
      a0 = madd(f32x4.convert_i32x4_s(s0), f32x4.mul(loadHalvesScaled(w, 192), scale), a0);
      a1 = madd(f32x4.convert_i32x4_s(s1), f32x4.mul(loadHalvesScaled(w, 200), scale), a1);
      a2 = madd(f32x4.convert_i32x4_s(s2), f32x4.mul(loadHalvesScaled(w2, 192), scale), a2);
      a3 = madd(f32x4.convert_i32x4_s(s3), f32x4.mul(loadHalvesScaled(w2, 200), scale), a3);
      w += 208;
      w2 += 208;
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

/**
 * N tokens (tile.ts), four rows (first or second half of the panel,
 * `side` = 0 or 16).
 */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32, side: usize): void {
  const six = v128.load(SIX), ones = v128.load(ONES), fours = v128.load(FOURS), zero = f32x4.splat(0);
  const low = v128.load(LOW_PAIR), middle = v128.load(MIDDLE_PAIR), high = v128.load(HIGH_PAIR);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  for (let b = 0; b < nBlock; b++) {
    let s0 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>()), fours), s1 = zero, s2 = zero, s3 = zero;
    if (offsetof<N>() > 1) s1 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 16), fours);
    if (offsetof<N>() > 2) s2 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 32), fours);
    if (offsetof<N>() > 3) s3 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 48), fours);
    for (let h: usize = 0; h < 2; h++) {
      const wh = w + h * 96 + side, xh = x + h * 64 * offsetof<N>();
      const t0 = v128.load(wh), t1 = v128.load(wh, 32), t2 = v128.load(wh, 64);
      const w0 = v128.and(t0, six), w1 = v128.and(t1, six), w2 = v128.and(t2, six);
      const w3 = fourth(t0, t1, t2, low, middle, high);
      s0 = i32x4.add(s0, twoDots(v128.load(xh, 0), w0, v128.load(xh, 16 * offsetof<N>() + 0), w1, ones));
      s0 = i32x4.add(s0, twoDots(v128.load(xh, 32 * offsetof<N>() + 0), w2, v128.load(xh, 48 * offsetof<N>() + 0), w3, ones));
      if (offsetof<N>() > 1) {
        s1 = i32x4.add(s1, twoDots(v128.load(xh, 16), w0, v128.load(xh, 16 * offsetof<N>() + 16), w1, ones));
        s1 = i32x4.add(s1, twoDots(v128.load(xh, 32 * offsetof<N>() + 16), w2, v128.load(xh, 48 * offsetof<N>() + 16), w3, ones));
      }
      if (offsetof<N>() > 2) {
        s2 = i32x4.add(s2, twoDots(v128.load(xh, 32), w0, v128.load(xh, 16 * offsetof<N>() + 32), w1, ones));
        s2 = i32x4.add(s2, twoDots(v128.load(xh, 32 * offsetof<N>() + 32), w2, v128.load(xh, 48 * offsetof<N>() + 32), w3, ones));
      }
      if (offsetof<N>() > 3) {
        s3 = i32x4.add(s3, twoDots(v128.load(xh, 48), w0, v128.load(xh, 16 * offsetof<N>() + 48), w1, ones));
        s3 = i32x4.add(s3, twoDots(v128.load(xh, 32 * offsetof<N>() + 48), w2, v128.load(xh, 48 * offsetof<N>() + 48), w3, ones));
      }
    }
    const d = f32x4.mul(loadHalvesScaled(w + (side >> 1), 192), f32x4.splat(HALF_SCALE));
    a0 = madd(f32x4.convert_i32x4_s(s0), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 0)), a0);
    if (offsetof<N>() > 1) a1 = madd(f32x4.convert_i32x4_s(s1), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 16)), a1);
    if (offsetof<N>() > 2) a2 = madd(f32x4.convert_i32x4_s(s2), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 32)), a2);
    if (offsetof<N>() > 3) a3 = madd(f32x4.convert_i32x4_s(s3), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 48)), a3);
    w += 208;
    x += BLOCK_BYTES * offsetof<N>();
  }
  put(y + side, a0, add);
  if (offsetof<N>() > 1) put(y + side + ys, a1, add);
  if (offsetof<N>() > 2) put(y + side + 2 * ys, a2, add);
  if (offsetof<N>() > 3) put(y + side + 3 * ys, a3, add);
}
function four(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, x, y, nBlock, ys, add, 0);
  tile<Four>(w, x, y, nBlock, ys, add, 16);
}
function three(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, x, y, nBlock, ys, add, 0);
  tile<Three>(w, x, y, nBlock, ys, add, 16);
}
function two(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, x, y, nBlock, ys, add, 0);
  tile<Two>(w, x, y, nBlock, ys, add, 16);
}
function single(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, x, y, nBlock, ys, add, 0);
  tile<One>(w, x, y, nBlock, ys, add, 16);
}

function tiles(w: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, ys: usize, add: i32): void {
  for (let p = 0; p < nPanel; p++) {
    if (nTok >= 4) four(w, x, y, nBlock, ys, add);
    else if (nTok == 3) three(w, x, y, nBlock, ys, add);
    else if (nTok == 2) two(w, x, y, nBlock, ys, add);
    else single(w, x, y, nBlock, ys, add);
    w += <usize>nBlock * 208;
    y += 32;
  }
}

/** As matmulQ4Many in matmul-q4.ts. */
export function matmulQ6Many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  const ys = yStride << 2;
  const tileBytes = <usize>nBlock * BLOCK_BYTES * 4;
  for (let p = 0; p < nPanel; p += PANELS_TOGETHER) {
    const n = min(PANELS_TOGETHER, nPanel - p);
    let xt = x, yt = y;
    for (let left = nTok; left > 0; left -= 4) {
      tiles(w, xt, yt, n, nBlock, left, ys, add);
      xt += tileBytes;
      yt += 4 * ys;
    }
    w += <usize>n * <usize>nBlock * 208;
    y += <usize>n * 32;
  }
}
