// Norms, rotary positions, activation, residuals. f32 in, f32 out; widths are rounded up to 4 by the
// callers' buffers. References: engine/kernels/reference/elementwise.ts.
import { exp, madd, sumF32 } from './simd';

/** out = x / sqrt(mean(x^2) + eps) * weight, each of nTok rows of n values (arXiv 1910.07467). */
export function rmsNormRows(x: usize, weight: usize, out: usize, n: i32, nTok: i32, stride: usize, eps: f32): void {
  for (let t = 0; t < nTok; t++) {
    let a = f32x4.splat(0), i = 0;
    for (; i + 4 <= n; i += 4) {
      const v = v128.load(x + <usize>i * 4);
      a = madd(v, v, a);
    }
    let sum = sumF32(a);
    for (let k = i; k < n; k++) {
      const v = load<f32>(x + <usize>k * 4);
      sum += v * v;
    }
    const r: f32 = <f32>1.0 / sqrt<f32>(sum / <f32>n + eps);
    const rs = f32x4.splat(r);
    for (i = 0; i + 4 <= n; i += 4) {
      const at = <usize>i * 4;
      v128.store(out + at, f32x4.mul(f32x4.mul(v128.load(x + at), rs), v128.load(weight + at)));
    }
    for (; i < n; i++) {
      const at = <usize>i * 4;
      store<f32>(out + at, load<f32>(x + at) * r * load<f32>(weight + at));
    }
    x += stride * 4;
    out += stride * 4;
  }
}

/**
 * Rotates value pairs (2i, 2i+1) of every head by the angles in `table`: [nTok][ropeDim/2][cos, sin].
 * x: [nTok, stride], heads of headDim values; values from ropeDim on pass.
 */
export function ropeAdjacent(x: usize, table: usize, nHead: i32, headDim: i32, ropeDim: i32, nTok: i32, stride: usize): void {
  for (let t = 0; t < nTok; t++) {
    for (let h = 0; h < nHead; h++) {
      const at = x + <usize>h * headDim * 4;
      for (let i = 0; i < ropeDim; i += 2) rotate(at + <usize>i * 4, 4, table + <usize>i * 4);
    }
    x += stride * 4;
    table += <usize>ropeDim * 4;
  }
}

/** As ropeAdjacent, for pairs (i, i + ropeDim/2). */
export function ropeHalf(x: usize, table: usize, nHead: i32, headDim: i32, ropeDim: i32, nTok: i32, stride: usize): void {
  const apart = <usize>ropeDim * 2;
  for (let t = 0; t < nTok; t++) {
    for (let h = 0; h < nHead; h++) {
      const at = x + <usize>h * headDim * 4;
      for (let i = 0; i < ropeDim >> 1; i++) rotate(at + <usize>i * 4, apart, table + <usize>i * 8);
    }
    x += stride * 4;
    table += <usize>ropeDim * 4;
  }
}

// @ts-ignore: decorator
@inline
function rotate(at: usize, apart: usize, angle: usize): void {
  const a = load<f32>(at), b = load<f32>(at + apart);
  const c = load<f32>(angle), s = load<f32>(angle, 4);
  store<f32>(at, a * c - b * s);
  store<f32>(at + apart, a * s + b * c);
}

/** out = silu(gate) * up over n values (n a multiple of 4). */
export function siluMul(gate: usize, up: usize, out: usize, n: i32): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    const g = v128.load(gate + at);
    const silu = f32x4.div(g, f32x4.add(one, exp(f32x4.neg(g))));
    v128.store(out + at, f32x4.mul(silu, v128.load(up + at)));
  }
}

/** Adds a bias of n values to each of nTok rows. */
export function addBias(y: usize, bias: usize, n: i32, nTok: i32, stride: usize): void {
  for (let t = 0; t < nTok; t++) {
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      const at = <usize>i * 4;
      v128.store(y + at, f32x4.add(v128.load(y + at), v128.load(bias + at)));
    }
    for (; i < n; i++) {
      const at = <usize>i * 4;
      store<f32>(y + at, load<f32>(y + at) + load<f32>(bias + at));
    }
    y += stride * 4;
  }
}
