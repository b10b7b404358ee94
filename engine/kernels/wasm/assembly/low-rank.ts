// y += B (A x) for adapters of halves: a few rows down, and the same few back up. A token gets the same bits alone
// and beside another. Reference: matmulReference in engine/kernels/reference/matmul.ts, twice.
import { madd, sumF32 } from './simd';

// V8 rebuilds a constant vector at every use; a load is one instruction.
const HALVES = memory.data<u32>([
  0x8fffe000, 0x8fffe000, 0x8fffe000, 0x8fffe000,
  // HALF_SCALE as f32.
  0x77800000, 0x77800000, 0x77800000, 0x77800000,
], 16);

/** Halves 0 to 3 of eight as f32. */
// @ts-ignore: decorator
@inline
function low4(halves: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(i32x4.extend_low_i16x8_s(halves), 13), mask), scale);
}

/** Halves 4 to 7. */
// @ts-ignore: decorator
@inline
function high4(halves: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(i32x4.extend_high_i16x8_s(halves), 13), mask), scale);
}

// @ts-ignore: decorator
@inline
function store4(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  store<f32>(at, sumF32(a));
  store<f32>(at, sumF32(b), 4);
  store<f32>(at, sumF32(c), 8);
  store<f32>(at, sumF32(d), 12);
}

/** h = A x. A: halves [4 nRow4, 8 nCol8], row-major; x: [nTok, xStride], h: [nTok, hStride], f32 (strides in values). */
function lowRankDown(a: usize, x: usize, h: usize, nRow4: i32, nCol8: i32, nTok: i32, xStride: usize, hStride: usize): void {
  const mask = v128.load(HALVES), scale = v128.load(HALVES, 16);
  const rowBytes = <usize>nCol8 * 16;
  for (let row = 0; row < nRow4; row++) {
    let t = 0;
    for (; t + 2 <= nTok; t += 2) {
      let w0 = a, w1 = a + rowBytes, w2 = w1 + rowBytes, w3 = w2 + rowBytes;
      let x0 = x + <usize>t * xStride * 4, x1 = x0 + xStride * 4;
      let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
      let b0 = a0, b1 = a0, b2 = a0, b3 = a0;
      for (let c = nCol8; c > 0; c--) {
        const u0 = v128.load(x0), u1 = v128.load(x0, 16);
        const v0 = v128.load(x1), v1 = v128.load(x1, 16);
        let w = v128.load(w0);
        let low = low4(w, mask, scale);
        a0 = madd(low, u0, a0);
        b0 = madd(low, v0, b0);
        let high = high4(w, mask, scale);
        a0 = madd(high, u1, a0);
        b0 = madd(high, v1, b0);
        w = v128.load(w1);
        low = low4(w, mask, scale);
        a1 = madd(low, u0, a1);
        b1 = madd(low, v0, b1);
        high = high4(w, mask, scale);
        a1 = madd(high, u1, a1);
        b1 = madd(high, v1, b1);
        w = v128.load(w2);
        low = low4(w, mask, scale);
        a2 = madd(low, u0, a2);
        b2 = madd(low, v0, b2);
        high = high4(w, mask, scale);
        a2 = madd(high, u1, a2);
        b2 = madd(high, v1, b2);
        w = v128.load(w3);
        low = low4(w, mask, scale);
        a3 = madd(low, u0, a3);
        b3 = madd(low, v0, b3);
        high = high4(w, mask, scale);
        a3 = madd(high, u1, a3);
        b3 = madd(high, v1, b3);
        w0 += 16;
        w1 += 16;
        w2 += 16;
        w3 += 16;
        x0 += 32;
        x1 += 32;
      }
      const at = h + (<usize>t * hStride + <usize>row * 4) * 4;
      store4(at, a0, a1, a2, a3);
      store4(at + hStride * 4, b0, b1, b2, b3);
    }
    if (t < nTok) {
      let w0 = a, w1 = a + rowBytes, w2 = w1 + rowBytes, w3 = w2 + rowBytes;
      let x0 = x + <usize>t * xStride * 4;
      let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0;
      for (let c = nCol8; c > 0; c--) {
        const u0 = v128.load(x0), u1 = v128.load(x0, 16);
        let w = v128.load(w0);
        a0 = madd(low4(w, mask, scale), u0, a0);
        a0 = madd(high4(w, mask, scale), u1, a0);
        w = v128.load(w1);
        a1 = madd(low4(w, mask, scale), u0, a1);
        a1 = madd(high4(w, mask, scale), u1, a1);
        w = v128.load(w2);
        a2 = madd(low4(w, mask, scale), u0, a2);
        a2 = madd(high4(w, mask, scale), u1, a2);
        w = v128.load(w3);
        a3 = madd(low4(w, mask, scale), u0, a3);
        a3 = madd(high4(w, mask, scale), u1, a3);
        w0 += 16;
        w1 += 16;
        w2 += 16;
        w3 += 16;
        x0 += 32;
      }
      store4(h + (<usize>t * hStride + <usize>row * 4) * 4, a0, a1, a2, a3);
    }
    a += 4 * rowBytes;
  }
}

/** y += B h. B: halves in panels of 8 rows, [nPanel, rank, 8]; y: [nTok, yStride], f32, with room for whole panels. */
function lowRankUp(b: usize, h: usize, y: usize, nPanel: i32, rank: i32, nTok: i32, hStride: usize, yStride: usize): void {
  const mask = v128.load(HALVES), scale = v128.load(HALVES, 16);
  for (let panel = 0; panel < nPanel; panel++) {
    let t = 0;
    for (; t + 2 <= nTok; t += 2) {
      let w = b;
      let h0 = h + <usize>t * hStride * 4, h1 = h0 + hStride * 4;
      const y0 = y + <usize>t * yStride * 4, y1 = y0 + yStride * 4;
      let a0 = v128.load(y0), a1 = v128.load(y0, 16);
      let b0 = v128.load(y1), b1 = v128.load(y1, 16);
      for (let r = rank; r > 0; r--) {
        const halves = v128.load(w);
        const low = low4(halves, mask, scale), high = high4(halves, mask, scale);
        const u = v128.load32_splat(h0), v = v128.load32_splat(h1);
        a0 = madd(low, u, a0);
        a1 = madd(high, u, a1);
        b0 = madd(low, v, b0);
        b1 = madd(high, v, b1);
        w += 16;
        h0 += 4;
        h1 += 4;
      }
      v128.store(y0, a0);
      v128.store(y0, a1, 16);
      v128.store(y1, b0);
      v128.store(y1, b1, 16);
    }
    if (t < nTok) {
      let w = b;
      let h0 = h + <usize>t * hStride * 4;
      const y0 = y + <usize>t * yStride * 4;
      let a0 = v128.load(y0), a1 = v128.load(y0, 16);
      for (let r = rank; r > 0; r--) {
        const halves = v128.load(w), u = v128.load32_splat(h0);
        a0 = madd(low4(halves, mask, scale), u, a0);
        a1 = madd(high4(halves, mask, scale), u, a1);
        w += 16;
        h0 += 4;
      }
      v128.store(y0, a0);
      v128.store(y0, a1, 16);
    }
    b += <usize>rank * 16;
    y += 32;
  }
}

/** y += B (A x), both as above; h: [nTok, hStride] f32, room for what is between them. One call: a step makes hundreds. */
export function addLowRank(a: usize, b: usize, x: usize, h: usize, y: usize, nRow4: i32, nCol8: i32, nPanel: i32, rank: i32, nTok: i32, xStride: usize, hStride: usize, yStride: usize): void {
  lowRankDown(a, x, h, nRow4, nCol8, nTok, xStride, hStride);
  lowRankUp(b, h, y, nPanel, rank, nTok, hStride, yStride);
}
