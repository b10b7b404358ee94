// y = W x for 8-bit weights, d (q - 128), and int8 activations.
//
// An unsigned byte is two nibbles, each a 7-bit operand: q x = lo x + 16 hi x. The zero point is
// 8 x 16, so the high accumulator starts with -8 x pair sums.
// Sums widen to i32, so that they are exact, and are multiplied with the exact f16 scale in f32.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, HALF_SCALE, loadHalvesScaled, madd, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

const MASK = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);
const ONES = memory.data<u16>([1, 1, 1, 1, 1, 1, 1, 1], 16);

// @ts-ignore: decorator
@inline
function high(w: v128, mask: v128): v128 {
  return v128.and(i16x8.shr_u(w, 4), mask);
}
/** lo + 16 hi of four rows, widened and with the two halves of a row added. */
// @ts-ignore: decorator
@inline
function join(lo: v128, hi: v128, ones: v128): v128 {
  return i32x4.add(i32x4.dot_i16x8_s(lo, ones), i32x4.shl(i32x4.dot_i16x8_s(hi, ones), 4));
}

/** Two panels per pass, half the matrix apart, as in matmul-q4.ts. */
export function matmulQ8One(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  const mask = v128.load(MASK), ones = v128.load(ONES), half = f32x4.splat(HALF_SCALE);
  const nSecond = nPanel >> 1, nFirst = nPanel - nSecond;
  for (let p = 0; p < nFirst; p++) {
    const apart = p < nSecond ? <usize>nFirst : 0;
    let w2 = w + apart * <usize>nBlock * 272;
    let xq = x;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let b = 0; b < nBlock; b++) {
      let v: v128, t: v128, l0: v128, l1: v128, l2: v128, l3: v128;
      let h0 = v128.load(xq, 128), h1 = h0, h2 = h0, h3 = h0;
      v = v128.load(xq, 0);
      t = v128.load(w, 0);
      l0 = dot(v, v128.and(t, mask));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 16);
      l1 = dot(v, v128.and(t, mask));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 0);
      l2 = dot(v, v128.and(t, mask));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 16);
      l3 = dot(v, v128.and(t, mask));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 16);
      t = v128.load(w, 32);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 48);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 32);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 48);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 32);
      t = v128.load(w, 64);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 80);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 64);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 80);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 48);
      t = v128.load(w, 96);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 112);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 96);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 112);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 64);
      t = v128.load(w, 128);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 144);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 128);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 144);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 80);
      t = v128.load(w, 160);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 176);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 160);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 176);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 96);
      t = v128.load(w, 192);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 208);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 192);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 208);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      v = v128.load(xq, 112);
      t = v128.load(w, 224);
      l0 = i16x8.add(l0, dot(v, v128.and(t, mask)));
      h0 = i16x8.add(h0, dot(v, high(t, mask)));
      t = v128.load(w, 240);
      l1 = i16x8.add(l1, dot(v, v128.and(t, mask)));
      h1 = i16x8.add(h1, dot(v, high(t, mask)));
      t = v128.load(w2, 224);
      l2 = i16x8.add(l2, dot(v, v128.and(t, mask)));
      h2 = i16x8.add(h2, dot(v, high(t, mask)));
      t = v128.load(w2, 240);
      l3 = i16x8.add(l3, dot(v, v128.and(t, mask)));
      h3 = i16x8.add(h3, dot(v, high(t, mask)));
      const scale = f32x4.mul(v128.load(xq, 160), half);
      a0 = madd(f32x4.convert_i32x4_s(join(l0, h0, ones)), f32x4.mul(loadHalvesScaled(w, 256), scale), a0);
      a1 = madd(f32x4.convert_i32x4_s(join(l1, h1, ones)), f32x4.mul(loadHalvesScaled(w, 264), scale), a1);
      a2 = madd(f32x4.convert_i32x4_s(join(l2, h2, ones)), f32x4.mul(loadHalvesScaled(w2, 256), scale), a2);
      a3 = madd(f32x4.convert_i32x4_s(join(l3, h3, ones)), f32x4.mul(loadHalvesScaled(w2, 264), scale), a3);
      w += 272;
      w2 += 272;
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
 * `side` = 0 or 16): at most eight i16 and four f32 accumulators, what sixteen registers hold.
 */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32, side: usize): void {
  const mask = v128.load(MASK), ones = v128.load(ONES), half = f32x4.splat(HALF_SCALE), zero = f32x4.splat(0);
  let a0 = zero, a1 = zero, a2 = zero, a3 = zero;
  for (let b = 0; b < nBlock; b++) {
    let h0 = v128.load(x, 128 * offsetof<N>()), h1 = zero, h2 = zero, h3 = zero;
    if (offsetof<N>() > 1) h1 = v128.load(x, 128 * offsetof<N>() + 16);
    if (offsetof<N>() > 2) h2 = v128.load(x, 128 * offsetof<N>() + 32);
    if (offsetof<N>() > 3) h3 = v128.load(x, 128 * offsetof<N>() + 48);
    let l0 = zero, l1 = zero, l2 = zero, l3 = zero;
    for (let g: usize = 0; g < 8; g++) {
      const t = v128.load(w + g * 32 + side);
      const lo = v128.and(t, mask), hi = high(t, mask);
      const xg = x + g * 16 * offsetof<N>();
      let v = v128.load(xg); l0 = i16x8.add(l0, dot(v, lo)); h0 = i16x8.add(h0, dot(v, hi));
      if (offsetof<N>() > 1) { v = v128.load(xg, 16); l1 = i16x8.add(l1, dot(v, lo)); h1 = i16x8.add(h1, dot(v, hi)); }
      if (offsetof<N>() > 2) { v = v128.load(xg, 32); l2 = i16x8.add(l2, dot(v, lo)); h2 = i16x8.add(h2, dot(v, hi)); }
      if (offsetof<N>() > 3) { v = v128.load(xg, 48); l3 = i16x8.add(l3, dot(v, lo)); h3 = i16x8.add(h3, dot(v, hi)); }
    }
    const d = f32x4.mul(loadHalvesScaled(w + (side >> 1), 256), half);
    a0 = madd(f32x4.convert_i32x4_s(join(l0, h0, ones)), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 0)), a0);
    if (offsetof<N>() > 1) a1 = madd(f32x4.convert_i32x4_s(join(l1, h1, ones)), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 16)), a1);
    if (offsetof<N>() > 2) a2 = madd(f32x4.convert_i32x4_s(join(l2, h2, ones)), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 32)), a2);
    if (offsetof<N>() > 3) a3 = madd(f32x4.convert_i32x4_s(join(l3, h3, ones)), f32x4.mul(d, v128.load(x, 160 * offsetof<N>() + 48)), a3);
    w += 272;
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
    w += <usize>nBlock * 272;
    y += 32;
  }
}

/** As matmulQ4Many in matmul-q4.ts. */
export function matmulQ8Many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
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
    w += <usize>n * <usize>nBlock * 272;
    y += <usize>n * 32;
  }
}
