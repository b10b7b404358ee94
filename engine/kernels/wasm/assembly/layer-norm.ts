// LayerNorm. f32 in, f32 out. Reference: engine/kernels/reference/elementwise.ts.
import { madd, sumF32 } from './simd';

/**
 * out = (x - mean(x)) / sqrt(var(x) + eps) * weight + bias, each of nTok rows of n values; no bias at
 * address 0 (arXiv 1607.06450). The variance is of differences from the mean, in a pass of its own:
 * mean(x^2) - mean(x)^2 loses all digits where the mean is large.
 */
export function layerNormRows(x: usize, weight: usize, bias: usize, out: usize, n: i32, nTok: i32, stride: usize, eps: f32): void {
  for (let t = 0; t < nTok; t++) {
    const mean = sumRow(x, n) / <f32>n;
    const r: f32 = <f32>1.0 / sqrt<f32>(sumSquares(x, n, mean) / <f32>n + eps);
    const means = f32x4.splat(mean), rs = f32x4.splat(r);
    let i = 0;
    for (; i + 4 <= n; i += 4) {
      const at = <usize>i * 4;
      const y = f32x4.mul(f32x4.mul(f32x4.sub(v128.load(x + at), means), rs), v128.load(weight + at));
      v128.store(out + at, bias ? f32x4.add(y, v128.load(bias + at)) : y);
    }
    for (; i < n; i++) {
      const at = <usize>i * 4;
      const y = (load<f32>(x + at) - mean) * r * load<f32>(weight + at);
      store<f32>(out + at, bias ? y + load<f32>(bias + at) : y);
    }
    x += stride * 4;
    out += stride * 4;
  }
}

// @ts-ignore: decorator
@inline
function sumRow(x: usize, n: i32): f32 {
  let a = f32x4.splat(0), i = 0;
  for (; i + 4 <= n; i += 4) a = f32x4.add(a, v128.load(x + <usize>i * 4));
  let sum = sumF32(a);
  for (; i < n; i++) sum += load<f32>(x + <usize>i * 4);
  return sum;
}

// @ts-ignore: decorator
@inline
function sumSquares(x: usize, n: i32, mean: f32): f32 {
  const means = f32x4.splat(mean);
  let a = f32x4.splat(0), i = 0;
  for (; i + 4 <= n; i += 4) {
    const d = f32x4.sub(v128.load(x + <usize>i * 4), means);
    a = madd(d, d, a);
  }
  let sum = sumF32(a);
  for (; i < n; i++) {
    const d = load<f32>(x + <usize>i * 4) - mean;
    sum += d * d;
  }
  return sum;
}
