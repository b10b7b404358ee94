// C = op(A) op(B), or C += it, in f32: products of training, where each matrix may stand transposed.
// Reference: gemmReference in engine/kernels/reference/training.ts.
//
// A and B are packed into panels of 6 rows and 8 columns (zeros at the edges), so that the inner loop is the same for
// every orientation and reads both in order: 12 accumulators, two loads of B and six of A a step
// (the blocking of Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).
import { madd } from '../simd';

const MR: i32 = 6;
const NR: i32 = 8;
/** Depth of a block: a panel of A and one of B take 14 KiB. */
const KC: i32 = 256;
/** Rows of a block of A: 120 KiB packed. */
const MC: i32 = 120;
/** Columns of a block of B: 1 MiB packed. */
const NC: i32 = 1024;

const EDGE_BYTES: usize = MR * NR * 4;
const A_BYTES: usize = MC * KC * 4;

/** Bytes that a call needs at `scratch`. */
export function gemmScratchBytes(): usize {
  return EDGE_BYTES + A_BYTES + NC * KC * 4;
}

/**
 * C[m, n] from op(A)[m, k] and op(B)[k, n]. Element (i, j) of op(A) is at a + 4 (i aRow + j aCol), likewise B; C has
 * rows cRow apart. Strides are in values. C may not overlap A or B. `scratch` is 16-byte aligned.
 */
export function gemm(m: i32, n: i32, k: i32, a: usize, aRow: usize, aCol: usize, b: usize, bRow: usize, bCol: usize, c: usize, cRow: usize, add: i32, scratch: usize): void {
  const packedA = scratch + EDGE_BYTES, packedB = packedA + A_BYTES;
  for (let j = 0; j < n; j += NC) {
    const nc = min(NC, n - j);
    for (let p = 0; p < k; p += KC) {
      const kc = min(KC, k - p);
      packB(b + (<usize>p * bRow + <usize>j * bCol) * 4, bRow * 4, bCol * 4, kc, nc, packedB);
      for (let i = 0; i < m; i += MC) {
        const mc = min(MC, m - i);
        packA(a + (<usize>i * aRow + <usize>p * aCol) * 4, aRow * 4, aCol * 4, mc, kc, packedA);
        block(mc, nc, kc, packedA, packedB, c + (<usize>i * cRow + j) * 4, cRow * 4, add | i32(p > 0), scratch);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function zip(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}
// @ts-ignore: decorator
@inline
function zipHigh(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
}
// @ts-ignore: decorator
@inline
function low(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
}
// @ts-ignore: decorator
@inline
function high(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
}

/** Four values of four rows, rowBytes apart, become four columns, `step` bytes apart. */
// @ts-ignore: decorator
@inline
function transpose(from: usize, rowBytes: usize, to: usize, step: usize): void {
  const r0 = v128.load(from), r1 = v128.load(from + rowBytes);
  const r2 = v128.load(from + 2 * rowBytes), r3 = v128.load(from + 3 * rowBytes);
  const a = zip(r0, r1), b = zip(r2, r3), c = zipHigh(r0, r1), d = zipHigh(r2, r3);
  v128.store(to, low(a, b));
  v128.store(to + step, high(a, b));
  v128.store(to + 2 * step, low(c, d));
  v128.store(to + 3 * step, high(c, d));
}

function packA(a: usize, rowBytes: usize, colBytes: usize, mc: i32, kc: i32, out: usize): void {
  for (let i = 0; i < mc; i += MR) {
    const rows = min(MR, mc - i);
    const first = a + <usize>i * rowBytes;
    let p = 0;
    if (rows == MR && colBytes == 4) {
      // Rows lie in order: four steps at a time.
      for (; p + 4 <= kc; p += 4) {
        const from = first + <usize>p * 4, to = out + <usize>(p * MR) * 4;
        transpose(from, rowBytes, to, MR * 4);
        const r4 = v128.load(from + 4 * rowBytes), r5 = v128.load(from + 5 * rowBytes);
        const e = zip(r4, r5), f = zipHigh(r4, r5);
        v128.store64_lane(to + 16, e, 0);
        v128.store64_lane(to + MR * 4 + 16, e, 1);
        v128.store64_lane(to + 2 * MR * 4 + 16, f, 0);
        v128.store64_lane(to + 3 * MR * 4 + 16, f, 1);
      }
    } else if (rows == MR && rowBytes == 4) {
      // Columns lie in order.
      let from = first, to = out;
      for (; p < kc; p++) {
        v128.store(to, v128.load(from));
        v128.store64_lane(to + 16, v128.load64_zero(from + 16), 0);
        from += colBytes;
        to += MR * 4;
      }
    }
    for (let r = 0; r < MR; r++) {
      let to = out + <usize>(p * MR + r) * 4;
      let from = first + <usize>r * rowBytes + <usize>p * colBytes;
      for (let s = p; s < kc; s++) {
        store<f32>(to, r < rows ? load<f32>(from) : 0);
        from += colBytes;
        to += MR * 4;
      }
    }
    out += <usize>(MR * kc) * 4;
  }
}

function packB(b: usize, rowBytes: usize, colBytes: usize, kc: i32, nc: i32, out: usize): void {
  for (let j = 0; j < nc; j += NR) {
    const cols = min(NR, nc - j);
    const first = b + <usize>j * colBytes;
    let p = 0;
    if (cols == NR && colBytes == 4) {
      let at = first, to = out;
      for (; p < kc; p++) {
        v128.store(to, v128.load(at));
        v128.store(to, v128.load(at, 16), 16);
        at += rowBytes;
        to += 32;
      }
    } else if (cols == NR && rowBytes == 4) {
      // Columns lie in order, as those of a transposed weight do: four steps at a time.
      for (; p + 4 <= kc; p += 4) {
        const from = first + <usize>p * 4, to = out + <usize>(p * NR) * 4;
        transpose(from, colBytes, to, NR * 4);
        transpose(from + 4 * colBytes, colBytes, to + 16, NR * 4);
      }
    }
    for (let r = 0; r < NR; r++) {
      let to = out + <usize>(p * NR + r) * 4;
      let at = first + <usize>r * colBytes + <usize>p * rowBytes;
      for (let s = p; s < kc; s++) {
        store<f32>(to, r < cols ? load<f32>(at) : 0);
        at += rowBytes;
        to += NR * 4;
      }
    }
    out += <usize>(NR * kc) * 4;
  }
}

function block(mc: i32, nc: i32, kc: i32, packedA: usize, packedB: usize, c: usize, rowBytes: usize, add: i32, edge: usize): void {
  for (let j = 0; j < nc; j += NR) {
    const panelB = packedB + <usize>(j * kc) * 4;
    for (let i = 0; i < mc; i += MR) {
      const panelA = packedA + <usize>(i * kc) * 4;
      const to = c + <usize>i * rowBytes + <usize>j * 4;
      if (i + MR <= mc && j + NR <= nc) {
        tile(kc, panelA, panelB, to, rowBytes, add);
        continue;
      }
      tile(kc, panelA, panelB, edge, NR * 4, 0);
      const rows = min(MR, mc - i), cols = min(NR, nc - j);
      for (let r = 0; r < rows; r++) {
        for (let s = 0; s < cols; s++) {
          const at = to + <usize>r * rowBytes + <usize>s * 4;
          const value = load<f32>(edge + <usize>(r * NR + s) * 4);
          store<f32>(at, add ? load<f32>(at) + value : value);
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function row(c: usize, x: v128, y: v128, add: i32): void {
  v128.store(c, add ? f32x4.add(v128.load(c), x) : x);
  v128.store(c, add ? f32x4.add(v128.load(c, 16), y) : y, 16);
}

function tile(kc: i32, a: usize, b: usize, c: usize, rowBytes: usize, add: i32): void {
  let c00 = f32x4.splat(0), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  for (let p = 0; p < kc; p++) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    let x = v128.load32_splat(a);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a, 4);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a, 8);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load32_splat(a, 12);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    x = v128.load32_splat(a, 16);
    c40 = madd(x, b0, c40);
    c41 = madd(x, b1, c41);
    x = v128.load32_splat(a, 20);
    c50 = madd(x, b0, c50);
    c51 = madd(x, b1, c51);
    a += MR * 4;
    b += NR * 4;
  }
  row(c, c00, c01, add);
  row(c + rowBytes, c10, c11, add);
  row(c + 2 * rowBytes, c20, c21, add);
  row(c + 3 * rowBytes, c30, c31, add);
  row(c + 4 * rowBytes, c40, c41, add);
  row(c + 5 * rowBytes, c50, c51, add);
}
