// GELU in place of SiLU, and operations of some families on whole rows: scaling, soft caps.
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

// Numerator and denominator of erf(x / sqrt(2)) = x P(x^2) / Q(x^2) for |x| <= 5.5507883, fitted by least
// squares to an error of 2e-8; a constant four times (simd.ts says why).
const ERF = memory.data<f32>([
  4.4876188e-8, 4.4876188e-8, 4.4876188e-8, 4.4876188e-8, 1.2705416e-5, 1.2705416e-5, 1.2705416e-5, 1.2705416e-5,
  3.4261949e-4, 3.4261949e-4, 3.4261949e-4, 3.4261949e-4, 9.3840603e-3, 9.3840603e-3, 9.3840603e-3, 9.3840603e-3,
  6.8225890e-2, 6.8225890e-2, 6.8225890e-2, 6.8225890e-2, 7.9788446e-1, 7.9788446e-1, 7.9788446e-1, 7.9788446e-1,
  1.1884789e-6, 1.1884789e-6, 1.1884789e-6, 1.1884789e-6, 7.4358839e-5, 7.4358839e-5, 7.4358839e-5, 7.4358839e-5,
  1.8985372e-3, 1.8985372e-3, 1.8985372e-3, 1.8985372e-3, 2.8791800e-2, 2.8791800e-2, 2.8791800e-2, 2.8791800e-2,
  2.5217429e-1, 2.5217429e-1, 2.5217429e-1, 2.5217429e-1, 1, 1, 1, 1,
  5.5507883, 5.5507883, 5.5507883, 5.5507883, 0.5, 0.5, 0.5, 0.5,
], 16);

/** gelu(x) = x / 2 (1 + erf(x / sqrt(2))), as it is defined (arXiv 1606.08415): error at most 2e-7 |x|. */
// @ts-ignore: decorator
@inline
function geluErf(x: v128): v128 {
  const end = v128.load(ERF, 192);
  const c = f32x4.pmax(f32x4.pmin(x, end), f32x4.neg(end));
  const u = f32x4.mul(c, c);
  let p = madd(v128.load(ERF), u, v128.load(ERF, 16));
  p = madd(p, u, v128.load(ERF, 32));
  p = madd(p, u, v128.load(ERF, 48));
  p = madd(p, u, v128.load(ERF, 64));
  p = madd(p, u, v128.load(ERF, 80));
  let q = madd(v128.load(ERF, 96), u, v128.load(ERF, 112));
  q = madd(q, u, v128.load(ERF, 128));
  q = madd(q, u, v128.load(ERF, 144));
  q = madd(q, u, v128.load(ERF, 160));
  q = madd(q, u, v128.load(ERF, 176));
  const half = f32x4.mul(x, v128.load(ERF, 208));
  return madd(half, f32x4.div(f32x4.mul(c, p), q), half);
}

/** out = gelu(x) over n values, with the error function. */
export function geluErfRow(x: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>i * 4;
    v128.store(out + at, geluErf(v128.load(x + at)));
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
