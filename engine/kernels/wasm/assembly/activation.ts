// What some families have instead of SiLU, and what they do to whole rows: GELU, scaling, soft caps.
// f32 in, f32 out, n a multiple of 4. References: engine/kernels/reference/elementwise.ts.
import { exp, madd } from './simd';

/** gelu(x) = x / 2 (1 + tanh(u)), u = sqrt(2 / pi) (x + 0.044715 x^3) (arXiv 1606.08415): x sigmoid(2 u). */
// @ts-ignore: decorator
@inline
function gelu(x: v128): v128 {
  const inner = madd(f32x4.mul(x, x), f32x4.splat(0.044715), f32x4.splat(1));
  const u = f32x4.mul(f32x4.mul(x, inner), f32x4.splat(-1.5957691216057308));
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp(u)));
}

/** out = gelu(gate) * up over n values. */
export function geluMul(gate: usize, up: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    v128.store(out + at, f32x4.mul(gelu(v128.load(gate + at)), v128.load(up + at)));
  }
}

/** out = gelu(x) over n values. */
export function geluRow(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    v128.store(out + at, gelu(v128.load(x + at)));
  }
}

/**
 * out = x / 2 (1 + erf(x / sqrt(2))) over n values: GELU as it is defined. erf by Abramowitz and Stegun
 * 7.1.26, off by 1.5e-7 at most: with q = 1 - erf(|x| / sqrt(2)) it is max(x, 0) - |x| q / 2.
 */
export function geluErfRow(x: usize, out: usize, n: i32): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    const v = v128.load(x + at);
    const size = f32x4.abs(v);
    // 0.3275911 / sqrt(2)
    const t = f32x4.div(one, madd(size, f32x4.splat(0.231641888), one));
    let p = madd(t, f32x4.splat(1.061405429), f32x4.splat(-1.453152027));
    p = madd(p, t, f32x4.splat(1.421413741));
    p = madd(p, t, f32x4.splat(-0.284496736));
    p = f32x4.mul(madd(p, t, f32x4.splat(0.254829592)), t);
    const q = f32x4.mul(p, exp(f32x4.mul(f32x4.mul(v, v), f32x4.splat(-0.5))));
    const half = f32x4.mul(f32x4.mul(size, f32x4.splat(0.5)), q);
    v128.store(out + at, f32x4.sub(f32x4.pmax(v, f32x4.splat(0)), half));
  }
}

/** out = silu(x) over n values. */
export function siluRow(x: usize, out: usize, n: i32): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    const v = v128.load(x + at);
    v128.store(out + at, f32x4.div(v, f32x4.add(one, exp(f32x4.neg(v)))));
  }
}

/** y += scale * x over n values. */
export function addScaled(y: usize, x: usize, scale: f32, n: i32): void {
  const s = f32x4.splat(scale);
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    v128.store(y + at, madd(v128.load(x + at), s, v128.load(y + at)));
  }
}

/** x *= scale over n values. */
export function scaleRow(x: usize, scale: f32, n: i32): void {
  const s = f32x4.splat(scale);
  for (let i = 0; i < n; i += 4) {
    const at = x + <usize>i * 4;
    v128.store(at, f32x4.mul(v128.load(at), s));
  }
}

/** x = cap * tanh(x / cap) over n values; tanh(u) = 1 - 2 / (1 + e^2u). */
export function softcapRow(x: usize, cap: f32, n: i32): void {
  const one = f32x4.splat(1), caps = f32x4.splat(cap), twice = f32x4.splat(<f32>2.0 / cap);
  for (let i = 0; i < n; i += 4) {
    const at = x + <usize>i * 4;
    const e = exp(f32x4.mul(v128.load(at), twice));
    const tanh = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(one, e)));
    v128.store(at, f32x4.mul(caps, tanh));
  }
}
