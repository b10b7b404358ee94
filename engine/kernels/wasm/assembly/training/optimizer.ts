// The update of weights. Reference: adamwReference in engine/kernels/reference/training.ts.

/** Sum of squares in f64, in order. Any n. */
export function sumSquares(x: usize, n: i32): f64 {
  let sum: f64 = 0;
  for (let i = 0; i < n; i++) {
    const value = <f64>load<f32>(x + <usize>i * 4);
    sum += value * value;
  }
  return sum;
}

/**
 * AdamW (arXiv 1711.05101): m and v are running means of g and g^2, w -= rate (m' / (sqrt(v') + eps) + decay w) with
 * m' = m mScale and v' = v vScale, which take out their start at zero. g counts times gScale. n: a multiple of 4.
 */
export function adamw(w: usize, g: usize, m: usize, v: usize, n: i32, rate: f32, beta1: f32, beta2: f32, eps: f32, decay: f32, mScale: f32, vScale: f32, gScale: f32): void {
  const b1 = f32x4.splat(beta1), b2 = f32x4.splat(beta2), c1 = f32x4.splat(1 - beta1), c2 = f32x4.splat(1 - beta2);
  const gs = f32x4.splat(gScale), ms = f32x4.splat(mScale), vs = f32x4.splat(vScale);
  const e = f32x4.splat(eps), step = f32x4.splat(rate), keep = f32x4.splat(1 - rate * decay);
  for (let i: usize = 0, end = <usize>n * 4; i < end; i += 16) {
    const d = f32x4.mul(v128.load(g + i), gs);
    const mean = f32x4.add(f32x4.mul(v128.load(m + i), b1), f32x4.mul(d, c1));
    const square = f32x4.add(f32x4.mul(v128.load(v + i), b2), f32x4.mul(f32x4.mul(d, d), c2));
    v128.store(m + i, mean);
    v128.store(v + i, square);
    const change = f32x4.div(f32x4.mul(mean, ms), f32x4.add(f32x4.sqrt(f32x4.mul(square, vs)), e));
    v128.store(w + i, f32x4.sub(f32x4.mul(v128.load(w + i), keep), f32x4.mul(change, step)));
  }
}
