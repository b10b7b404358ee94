// y = W x for 7-bit weights, d (q - 64), and int8 activations.
//
// A 7-bit weight is the unsigned operand of the dot product as it is stored, one byte each: nothing is
// unpacked, and one product does the work of q8's two. A pair of products fills i16 (32,258), so each
// widens to i32 at once. The zero point is -64 x the sum of x: the panel's -8 x pair sums times 8.
// Sums are exact and are multiplied with the exact f16 scale in f32.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, HALF_SCALE, loadHalvesScaled, madd, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

const ONES = memory.data<u16>([1, 1, 1, 1, 1, 1, 1, 1], 16);
const EIGHTS = memory.data<u16>([8, 8, 8, 8, 8, 8, 8, 8], 16);

/** A dot product, widened, the two halves of a row added. */
// @ts-ignore: decorator
@inline
function wide(x: v128, w: v128, ones: v128): v128 {
  return i32x4.dot_i16x8_s(dot(x, w), ones);
}

/** Two panels per pass, half the matrix apart, as in matmul-q4.ts. */
export function matmulQ7One(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  const ones = v128.load(ONES), eights = v128.load(EIGHTS), half = f32x4.splat(HALF_SCALE);
  const nSecond = nPanel >> 1, nFirst = nPanel - nSecond;
  for (let p = 0; p < nFirst; p++) {
    const apart = p < nSecond ? <usize>nFirst : 0;
    let w2 = w + apart * <usize>nBlock * 272;
    let xq = x;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let b = 0; b < nBlock; b++) {
      let s0 = i32x4.dot_i16x8_s(v128.load(xq, 128), eights), s1 = s0, s2 = s0, s3 = s0;
      let v: v128;
      v = v128.load(xq, 0);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 0), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 16), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 0), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 16), ones));
      v = v128.load(xq, 16);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 32), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 48), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 32), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 48), ones));
      v = v128.load(xq, 32);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 64), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 80), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 64), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 80), ones));
      v = v128.load(xq, 48);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 96), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 112), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 96), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 112), ones));
      v = v128.load(xq, 64);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 128), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 144), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 128), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 144), ones));
      v = v128.load(xq, 80);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 160), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 176), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 160), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 176), ones));
      v = v128.load(xq, 96);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 192), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 208), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 192), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 208), ones));
      v = v128.load(xq, 112);
      s0 = i32x4.add(s0, wide(v, v128.load(w, 224), ones));
      s1 = i32x4.add(s1, wide(v, v128.load(w, 240), ones));
      s2 = i32x4.add(s2, wide(v, v128.load(w2, 224), ones));
      s3 = i32x4.add(s3, wide(v, v128.load(w2, 240), ones));
      const scale = f32x4.mul(v128.load(xq, 160), half);
      a0 = madd(f32x4.convert_i32x4_s(s0), f32x4.mul(loadHalvesScaled(w, 256), scale), a0);
      a1 = madd(f32x4.convert_i32x4_s(s1), f32x4.mul(loadHalvesScaled(w, 264), scale), a1);
      a2 = madd(f32x4.convert_i32x4_s(s2), f32x4.mul(loadHalvesScaled(w2, 256), scale), a2);
      a3 = madd(f32x4.convert_i32x4_s(s3), f32x4.mul(loadHalvesScaled(w2, 264), scale), a3);
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
 * One panel, a tile of N tokens (tile.ts). Eight i32 accumulators for four tokens; the f32 ones wait
 * on the stack meanwhile.
 */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  const ones = v128.load(ONES), zero = f32x4.splat(0);
  let a00 = zero, a01 = zero, a02 = zero, a03 = zero, a10 = zero, a11 = zero, a12 = zero, a13 = zero;
  for (let b = 0; b < nBlock; b++) {
    const eights = v128.load(EIGHTS);
    let v: v128, w0: v128, w1: v128, s01 = zero, s02 = zero, s03 = zero;
    let s00 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>()), eights);
    if (offsetof<N>() > 1) s01 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 16), eights);
    if (offsetof<N>() > 2) s02 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 32), eights);
    if (offsetof<N>() > 3) s03 = i32x4.dot_i16x8_s(v128.load(x, 128 * offsetof<N>() + 48), eights);
    let s10 = s00, s11 = s01, s12 = s02, s13 = s03;
    w0 = v128.load(w, 0); w1 = v128.load(w, 16);
    v = v128.load(x, 0 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 0 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 0 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 0 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 32); w1 = v128.load(w, 48);
    v = v128.load(x, 16 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 16 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 16 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 16 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 64); w1 = v128.load(w, 80);
    v = v128.load(x, 32 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 32 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 32 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 32 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 96); w1 = v128.load(w, 112);
    v = v128.load(x, 48 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 48 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 48 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 48 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 128); w1 = v128.load(w, 144);
    v = v128.load(x, 64 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 64 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 64 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 64 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 160); w1 = v128.load(w, 176);
    v = v128.load(x, 80 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 80 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 80 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 80 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 192); w1 = v128.load(w, 208);
    v = v128.load(x, 96 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 96 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 96 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 96 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    w0 = v128.load(w, 224); w1 = v128.load(w, 240);
    v = v128.load(x, 112 * offsetof<N>() + 0); s00 = i32x4.add(s00, wide(v, w0, ones)); s10 = i32x4.add(s10, wide(v, w1, ones));
    if (offsetof<N>() > 1) { v = v128.load(x, 112 * offsetof<N>() + 16); s01 = i32x4.add(s01, wide(v, w0, ones)); s11 = i32x4.add(s11, wide(v, w1, ones)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 112 * offsetof<N>() + 32); s02 = i32x4.add(s02, wide(v, w0, ones)); s12 = i32x4.add(s12, wide(v, w1, ones)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 112 * offsetof<N>() + 48); s03 = i32x4.add(s03, wide(v, w0, ones)); s13 = i32x4.add(s13, wide(v, w1, ones)); }
    const half = f32x4.splat(HALF_SCALE);
    w0 = f32x4.mul(loadHalvesScaled(w, 256), half);
    w1 = f32x4.mul(loadHalvesScaled(w, 264), half);
    v = v128.load(x, 160 * offsetof<N>() + 0); a00 = madd(f32x4.convert_i32x4_s(s00), f32x4.mul(w0, v), a00); a10 = madd(f32x4.convert_i32x4_s(s10), f32x4.mul(w1, v), a10);
    if (offsetof<N>() > 1) { v = v128.load(x, 160 * offsetof<N>() + 16); a01 = madd(f32x4.convert_i32x4_s(s01), f32x4.mul(w0, v), a01); a11 = madd(f32x4.convert_i32x4_s(s11), f32x4.mul(w1, v), a11); }
    if (offsetof<N>() > 2) { v = v128.load(x, 160 * offsetof<N>() + 32); a02 = madd(f32x4.convert_i32x4_s(s02), f32x4.mul(w0, v), a02); a12 = madd(f32x4.convert_i32x4_s(s12), f32x4.mul(w1, v), a12); }
    if (offsetof<N>() > 3) { v = v128.load(x, 160 * offsetof<N>() + 48); a03 = madd(f32x4.convert_i32x4_s(s03), f32x4.mul(w0, v), a03); a13 = madd(f32x4.convert_i32x4_s(s13), f32x4.mul(w1, v), a13); }
    w += 272;
    x += BLOCK_BYTES * offsetof<N>();
  }
  put(y, a00, add); put(y + 16, a10, add);
  if (offsetof<N>() > 1) { put(y + ys, a01, add); put(y + ys + 16, a11, add); }
  if (offsetof<N>() > 2) { put(y + 2 * ys, a02, add); put(y + 2 * ys + 16, a12, add); }
  if (offsetof<N>() > 3) { put(y + 3 * ys, a03, add); put(y + 3 * ys + 16, a13, add); }
}
function four(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, x, y, nBlock, ys, add);
}
function three(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, x, y, nBlock, ys, add);
}
function two(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, x, y, nBlock, ys, add);
}
function single(w: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, x, y, nBlock, ys, add);
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
export function matmulQ7Many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
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
