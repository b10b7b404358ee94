// y = W x for 4-bit weights (q4: d (q - 8); q4m: d q + m) and int8 activations.
// Layouts: engine/quant/layouts.ts (weights), quantize.ts (x panels).
//
// The unsigned nibble is the 7-bit operand of the dot product. Sums of a block stay in i16 (at most
// 30,480), one i32x4.dot_i16x8_s widens them, adds the two halves of a row and multiplies by the i16
// scale, and one multiply-add in f32 follows. q4m adds 16 x the sum of x times the minimum in another.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, evenBytes, madd, oddBytes, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

// @ts-ignore: decorator
@inline
function lowNibbles(w: v128, mask: v128): v128 {
  return v128.and(w, mask);
}
// @ts-ignore: decorator
@inline
function highNibbles(w: v128, mask: v128): v128 {
  return v128.and(i16x8.shr_u(w, 4), mask);
}
/** dot of x with the low nibbles of w. The plain build takes both nibbles at a byte's place at once. */
// @ts-ignore: decorator
@inline
function dotLow(x: v128, w: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return dot(x, lowNibbles(w, mask));
  const nibble = i16x8.shr_u(mask, 8);
  return i16x8.add(i16x8.mul(evenBytes(x), v128.and(w, nibble)), i16x8.mul(oddBytes(x), v128.and(i16x8.shr_u(w, 8), nibble)));
}
// @ts-ignore: decorator
@inline
function dotHigh(x: v128, w: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return dot(x, highNibbles(w, mask));
  const nibble = i16x8.shr_u(mask, 8);
  return i16x8.add(i16x8.mul(evenBytes(x), v128.and(i16x8.shr_u(w, 4), nibble)), i16x8.mul(oddBytes(x), i16x8.shr_u(w, 12)));
}
/** The i16 numbers of rows 0-3 (first) or 4-7 of a block, each twice. */
// @ts-ignore: decorator
@inline
function pairsFirst(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7);
}
// @ts-ignore: decorator
@inline
function pairsSecond(v: v128): v128 {
  return i8x16.shuffle(v, v, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 15, 14, 15);
}

// Sixteen bytes of 0x0f, loaded once: V8 rebuilds a constant at every use, a local it keeps.
const MASK = memory.data<u8>([15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15], 16);

// Two panels per pass, half the matrix apart: two streams from memory where one waits for address
// translation at every 4 KiB page (8.6 against 17.8 GB/s on 64 MB, equal in the caches).
// @ts-ignore: decorator
@inline
function one(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32, withMin: bool): void {
  const mask = v128.load(MASK);
  const blockBytes: usize = withMin ? 160 : 144;
  const nSecond = nPanel >> 1, nFirst = nPanel - nSecond;
  for (let p = 0; p < nFirst; p++) {
    // The last panel of an odd number is paired with itself.
    const apart = p < nSecond ? <usize>nFirst : 0;
    let w2 = w + apart * <usize>nBlock * blockBytes;
    let xq = x;
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let b = 0; b < nBlock; b++) {
      let v: v128, u: v128, t: v128, i0: v128, i1: v128, i2: v128, i3: v128;
      v = v128.load(xq, 0);
      u = v128.load(xq, 64);
      t = v128.load(w, 0);
      i0 = i16x8.add(dotLow(v, t, mask), dotHigh(u, t, mask));
      t = v128.load(w, 16);
      i1 = i16x8.add(dotLow(v, t, mask), dotHigh(u, t, mask));
      t = v128.load(w2, 0);
      i2 = i16x8.add(dotLow(v, t, mask), dotHigh(u, t, mask));
      t = v128.load(w2, 16);
      i3 = i16x8.add(dotLow(v, t, mask), dotHigh(u, t, mask));
      v = v128.load(xq, 16);
      u = v128.load(xq, 80);
      t = v128.load(w, 32);
      i0 = i16x8.add(i0, dotLow(v, t, mask));
      i0 = i16x8.add(i0, dotHigh(u, t, mask));
      t = v128.load(w, 48);
      i1 = i16x8.add(i1, dotLow(v, t, mask));
      i1 = i16x8.add(i1, dotHigh(u, t, mask));
      t = v128.load(w2, 32);
      i2 = i16x8.add(i2, dotLow(v, t, mask));
      i2 = i16x8.add(i2, dotHigh(u, t, mask));
      t = v128.load(w2, 48);
      i3 = i16x8.add(i3, dotLow(v, t, mask));
      i3 = i16x8.add(i3, dotHigh(u, t, mask));
      v = v128.load(xq, 32);
      u = v128.load(xq, 96);
      t = v128.load(w, 64);
      i0 = i16x8.add(i0, dotLow(v, t, mask));
      i0 = i16x8.add(i0, dotHigh(u, t, mask));
      t = v128.load(w, 80);
      i1 = i16x8.add(i1, dotLow(v, t, mask));
      i1 = i16x8.add(i1, dotHigh(u, t, mask));
      t = v128.load(w2, 64);
      i2 = i16x8.add(i2, dotLow(v, t, mask));
      i2 = i16x8.add(i2, dotHigh(u, t, mask));
      t = v128.load(w2, 80);
      i3 = i16x8.add(i3, dotLow(v, t, mask));
      i3 = i16x8.add(i3, dotHigh(u, t, mask));
      v = v128.load(xq, 48);
      u = v128.load(xq, 112);
      t = v128.load(w, 96);
      i0 = i16x8.add(i0, dotLow(v, t, mask));
      i0 = i16x8.add(i0, dotHigh(u, t, mask));
      t = v128.load(w, 112);
      i1 = i16x8.add(i1, dotLow(v, t, mask));
      i1 = i16x8.add(i1, dotHigh(u, t, mask));
      t = v128.load(w2, 96);
      i2 = i16x8.add(i2, dotLow(v, t, mask));
      i2 = i16x8.add(i2, dotHigh(u, t, mask));
      t = v128.load(w2, 112);
      i3 = i16x8.add(i3, dotLow(v, t, mask));
      i3 = i16x8.add(i3, dotHigh(u, t, mask));
      if (!withMin) {
        v = v128.load(xq, 128);
        i0 = i16x8.add(i0, v);
        i1 = i16x8.add(i1, v);
        i2 = i16x8.add(i2, v);
        i3 = i16x8.add(i3, v);
      }
      t = v128.load(w, 128);
      i0 = i32x4.dot_i16x8_s(i0, pairsFirst(t));
      i1 = i32x4.dot_i16x8_s(i1, pairsSecond(t));
      t = v128.load(w2, 128);
      i2 = i32x4.dot_i16x8_s(i2, pairsFirst(t));
      i3 = i32x4.dot_i16x8_s(i3, pairsSecond(t));
      v = v128.load(xq, 160);
      a0 = madd(f32x4.convert_i32x4_s(i0), v, a0);
      a1 = madd(f32x4.convert_i32x4_s(i1), v, a1);
      a2 = madd(f32x4.convert_i32x4_s(i2), v, a2);
      a3 = madd(f32x4.convert_i32x4_s(i3), v, a3);
      if (withMin) {
        v = v128.load(xq, 144);
        a0 = madd(f32x4.convert_i32x4_s(v128.load16x4_s(w, 144)), v, a0);
        a1 = madd(f32x4.convert_i32x4_s(v128.load16x4_s(w, 152)), v, a1);
        a2 = madd(f32x4.convert_i32x4_s(v128.load16x4_s(w2, 144)), v, a2);
        a3 = madd(f32x4.convert_i32x4_s(v128.load16x4_s(w2, 152)), v, a3);
      }
      w += blockBytes;
      w2 += blockBytes;
      xq += BLOCK_BYTES;
    }
    put(y, f32x4.mul(v128.load(rows), a0), add);
    put(y + 16, f32x4.mul(v128.load(rows, 16), a1), add);
    if (apart != 0) {
      put(y + apart * 32, f32x4.mul(v128.load(rows + apart * 32), a2), add);
      put(y + apart * 32 + 16, f32x4.mul(v128.load(rows + apart * 32, 16), a3), add);
    }
    y += 32;
    rows += 32;
  }
}

/**
 * One panel, a tile of N tokens (tile.ts): weights are unpacked once for
 * all of them. Eight i16 accumulators for four tokens; the f32 ones wait on the stack meanwhile.
 */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32, withMin: bool): void {
  const mask = v128.load(MASK);
  const blockBytes: usize = withMin ? 160 : 144;
  const zero = f32x4.splat(0);
  let a00 = zero, a01 = zero, a02 = zero, a03 = zero, a10 = zero, a11 = zero, a12 = zero, a13 = zero;
  for (let b = 0; b < nBlock; b++) {
    let v: v128, w0: v128, w1: v128, h0: v128, h1: v128;
    let i00: v128, i01 = zero, i02 = zero, i03 = zero, i10: v128, i11 = zero, i12 = zero, i13 = zero;
    h0 = v128.load(w, 0); w0 = lowNibbles(h0, mask); h0 = highNibbles(h0, mask);
    h1 = v128.load(w, 16); w1 = lowNibbles(h1, mask); h1 = highNibbles(h1, mask);
    v = v128.load(x, 0); i00 = dot(v, w0); i10 = dot(v, w1);
    if (offsetof<N>() > 1) { v = v128.load(x, 16); i01 = dot(v, w0); i11 = dot(v, w1); }
    if (offsetof<N>() > 2) { v = v128.load(x, 32); i02 = dot(v, w0); i12 = dot(v, w1); }
    if (offsetof<N>() > 3) { v = v128.load(x, 48); i03 = dot(v, w0); i13 = dot(v, w1); }
    v = v128.load(x, 64 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, h0)); i10 = i16x8.add(i10, dot(v, h1));
    if (offsetof<N>() > 1) { v = v128.load(x, 64 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, h0)); i11 = i16x8.add(i11, dot(v, h1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 64 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, h0)); i12 = i16x8.add(i12, dot(v, h1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 64 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, h0)); i13 = i16x8.add(i13, dot(v, h1)); }
    h0 = v128.load(w, 32); w0 = lowNibbles(h0, mask); h0 = highNibbles(h0, mask);
    h1 = v128.load(w, 48); w1 = lowNibbles(h1, mask); h1 = highNibbles(h1, mask);
    v = v128.load(x, 16 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 16 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 16 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 16 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    v = v128.load(x, 80 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, h0)); i10 = i16x8.add(i10, dot(v, h1));
    if (offsetof<N>() > 1) { v = v128.load(x, 80 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, h0)); i11 = i16x8.add(i11, dot(v, h1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 80 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, h0)); i12 = i16x8.add(i12, dot(v, h1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 80 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, h0)); i13 = i16x8.add(i13, dot(v, h1)); }
    h0 = v128.load(w, 64); w0 = lowNibbles(h0, mask); h0 = highNibbles(h0, mask);
    h1 = v128.load(w, 80); w1 = lowNibbles(h1, mask); h1 = highNibbles(h1, mask);
    v = v128.load(x, 32 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 32 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 32 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 32 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    v = v128.load(x, 96 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, h0)); i10 = i16x8.add(i10, dot(v, h1));
    if (offsetof<N>() > 1) { v = v128.load(x, 96 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, h0)); i11 = i16x8.add(i11, dot(v, h1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 96 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, h0)); i12 = i16x8.add(i12, dot(v, h1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 96 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, h0)); i13 = i16x8.add(i13, dot(v, h1)); }
    h0 = v128.load(w, 96); w0 = lowNibbles(h0, mask); h0 = highNibbles(h0, mask);
    h1 = v128.load(w, 112); w1 = lowNibbles(h1, mask); h1 = highNibbles(h1, mask);
    v = v128.load(x, 48 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 48 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 48 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 48 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    v = v128.load(x, 112 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, h0)); i10 = i16x8.add(i10, dot(v, h1));
    if (offsetof<N>() > 1) { v = v128.load(x, 112 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, h0)); i11 = i16x8.add(i11, dot(v, h1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 112 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, h0)); i12 = i16x8.add(i12, dot(v, h1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 112 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, h0)); i13 = i16x8.add(i13, dot(v, h1)); }
    if (!withMin) {
      v = v128.load(x, 128 * offsetof<N>() + 0); i00 = i16x8.add(i00, v); i10 = i16x8.add(i10, v);
      if (offsetof<N>() > 1) { v = v128.load(x, 128 * offsetof<N>() + 16); i01 = i16x8.add(i01, v); i11 = i16x8.add(i11, v); }
      if (offsetof<N>() > 2) { v = v128.load(x, 128 * offsetof<N>() + 32); i02 = i16x8.add(i02, v); i12 = i16x8.add(i12, v); }
      if (offsetof<N>() > 3) { v = v128.load(x, 128 * offsetof<N>() + 48); i03 = i16x8.add(i03, v); i13 = i16x8.add(i13, v); }
    }
    v = v128.load(w, 128);
    w0 = pairsFirst(v);
    w1 = pairsSecond(v);
    if (withMin) {
      h0 = f32x4.convert_i32x4_s(v128.load16x4_s(w, 144));
      h1 = f32x4.convert_i32x4_s(v128.load16x4_s(w, 152));
    }
    {
      v = v128.load(x, 160 * offsetof<N>() + 0);
      a00 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i00, w0)), v, a00);
      a10 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i10, w1)), v, a10);
      if (withMin) { v = v128.load(x, 144 * offsetof<N>() + 0); a00 = madd(h0, v, a00); a10 = madd(h1, v, a10); }
    }
    if (offsetof<N>() > 1) {
      v = v128.load(x, 160 * offsetof<N>() + 16);
      a01 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i01, w0)), v, a01);
      a11 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i11, w1)), v, a11);
      if (withMin) { v = v128.load(x, 144 * offsetof<N>() + 16); a01 = madd(h0, v, a01); a11 = madd(h1, v, a11); }
    }
    if (offsetof<N>() > 2) {
      v = v128.load(x, 160 * offsetof<N>() + 32);
      a02 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i02, w0)), v, a02);
      a12 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i12, w1)), v, a12);
      if (withMin) { v = v128.load(x, 144 * offsetof<N>() + 32); a02 = madd(h0, v, a02); a12 = madd(h1, v, a12); }
    }
    if (offsetof<N>() > 3) {
      v = v128.load(x, 160 * offsetof<N>() + 48);
      a03 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i03, w0)), v, a03);
      a13 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i13, w1)), v, a13);
      if (withMin) { v = v128.load(x, 144 * offsetof<N>() + 48); a03 = madd(h0, v, a03); a13 = madd(h1, v, a13); }
    }
    w += blockBytes;
    x += BLOCK_BYTES * offsetof<N>();
  }
  const r0 = v128.load(rows), r1 = v128.load(rows, 16);
  put(y, f32x4.mul(r0, a00), add); put(y + 16, f32x4.mul(r1, a10), add);
  if (offsetof<N>() > 1) { put(y + ys, f32x4.mul(r0, a01), add); put(y + ys + 16, f32x4.mul(r1, a11), add); }
  if (offsetof<N>() > 2) { put(y + 2 * ys, f32x4.mul(r0, a02), add); put(y + 2 * ys + 16, f32x4.mul(r1, a12), add); }
  if (offsetof<N>() > 3) { put(y + 3 * ys, f32x4.mul(r0, a03), add); put(y + 3 * ys + 16, f32x4.mul(r1, a13), add); }
}

function fourQ4(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, rows, x, y, nBlock, ys, add, false);
}
function threeQ4(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, rows, x, y, nBlock, ys, add, false);
}
function twoQ4(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, rows, x, y, nBlock, ys, add, false);
}
function singleQ4(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, rows, x, y, nBlock, ys, add, false);
}
function fourQ4m(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, rows, x, y, nBlock, ys, add, true);
}
function threeQ4m(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, rows, x, y, nBlock, ys, add, true);
}
function twoQ4m(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, rows, x, y, nBlock, ys, add, true);
}
function singleQ4m(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, rows, x, y, nBlock, ys, add, true);
}

/** One tile of tokens over `nPanel` panels. */
// @ts-ignore: decorator
@inline
function tiles(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, ys: usize, add: i32, withMin: bool): void {
  for (let p = 0; p < nPanel; p++) {
    if (nTok >= 4) {
      if (withMin) fourQ4m(w, rows, x, y, nBlock, ys, add);
      else fourQ4(w, rows, x, y, nBlock, ys, add);
    } else if (nTok == 3) {
      if (withMin) threeQ4m(w, rows, x, y, nBlock, ys, add);
      else threeQ4(w, rows, x, y, nBlock, ys, add);
    } else if (nTok == 2) {
      if (withMin) twoQ4m(w, rows, x, y, nBlock, ys, add);
      else twoQ4(w, rows, x, y, nBlock, ys, add);
    } else {
      if (withMin) singleQ4m(w, rows, x, y, nBlock, ys, add);
      else singleQ4(w, rows, x, y, nBlock, ys, add);
    }
    w += <usize>nBlock * (withMin ? 160 : 144);
    rows += 32;
    y += 32;
  }
}

/** Tiles of four tokens and one of the rest, a few panels at a time (PANELS_TOGETHER). */
// @ts-ignore: decorator
@inline
function many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32, withMin: bool): void {
  const ys = yStride << 2;
  const tileBytes = <usize>nBlock * BLOCK_BYTES * 4;
  const panelBytes = <usize>nBlock * (withMin ? 160 : 144);
  for (let p = 0; p < nPanel; p += PANELS_TOGETHER) {
    const n = min(PANELS_TOGETHER, nPanel - p);
    let xt = x, yt = y;
    for (let left = nTok; left > 0; left -= 4) {
      tiles(w, rows, xt, yt, n, nBlock, left, ys, add, withMin);
      xt += tileBytes;
      yt += 4 * ys;
    }
    w += <usize>n * panelBytes;
    rows += <usize>n * 32;
    y += <usize>n * 32;
  }
}

/** One token: x is a tile of one; y gets 8 nPanel values (added to it when `add`). */
export function matmulQ4One(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  one(w, rows, x, y, nPanel, nBlock, add, false);
}
export function matmulQ4mOne(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  one(w, rows, x, y, nPanel, nBlock, add, true);
}
/** Several tokens: y is [nTok, yStride]. Every token gets the same bits as from the one-token product. */
export function matmulQ4Many(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  many(w, rows, x, y, nPanel, nBlock, nTok, yStride, add, false);
}
export function matmulQ4mMany(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  many(w, rows, x, y, nPanel, nBlock, nTok, yStride, add, true);
}
