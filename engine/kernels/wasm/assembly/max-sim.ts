// The largest product of each row of one text with the rows of another (late interaction, arXiv 2004.12832).
//   out[i] = max_j a[i] . b[j], f32.
// Reference: maxSimReference in engine/kernels/reference/max-sim.ts.
import { madd, sumF32 } from './simd';

/** Below any product of rows of length one. */
const LOWEST: f32 = -1e30;

/**
 * a: [nA, width], b: [nB, width], rows of both `stride` values apart; out: [nA]. width is a multiple of 4 and at least
 * 4, nB at least 1.
 */
export function maxSim(a: usize, nA: i32, b: usize, nB: i32, width: i32, stride: i32, out: usize): void {
  const step = <usize>stride * 4;
  for (let i = 0; i < nA; i++) {
    let top = LOWEST;
    let at = b;
    let j = 0;
    for (; j + 4 <= nB; j += 4) {
      top = max(top, largestOfFour(a, at, step, width));
      at += step * 4;
    }
    for (; j < nB; j++) {
      top = max(top, product(a, at, width));
      at += step;
    }
    store<f32>(out + <usize>i * 4, top);
    a += step;
  }
}

/** Four rows at a time: each value of `a` is loaded once for all of them. */
// @ts-ignore: decorator
@inline
function largestOfFour(a: usize, b: usize, step: usize, width: i32): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0);
  const b1 = b + step, b2 = b1 + step, b3 = b2 + step;
  for (let k: usize = 0; k < <usize>width * 4; k += 16) {
    const x = v128.load(a + k);
    s0 = madd(x, v128.load(b + k), s0);
    s1 = madd(x, v128.load(b1 + k), s1);
    s2 = madd(x, v128.load(b2 + k), s2);
    s3 = madd(x, v128.load(b3 + k), s3);
  }
  return max(max(sumF32(s0), sumF32(s1)), max(sumF32(s2), sumF32(s3)));
}

// @ts-ignore: decorator
@inline
function product(a: usize, b: usize, width: i32): f32 {
  let s = f32x4.splat(0);
  for (let k: usize = 0; k < <usize>width * 4; k += 16) s = madd(v128.load(a + k), v128.load(b + k), s);
  return sumF32(s);
}
