// Reductions over the logits of one position.
import { exp, sumF32 } from './simd';

/** Index of the largest of n values; the lowest index of equal ones. */
export function argmax(x: usize, n: i32): i32 {
  let best = 0,
    i = 0;
  let top = load<f32>(x);
  for (; i + 16 <= n; i += 16) {
    const at = x + <usize>i * 4;
    const limit = f32x4.splat(top);
    const above = v128.or(
      v128.or(f32x4.gt(v128.load(at), limit), f32x4.gt(v128.load(at, 16), limit)),
      v128.or(f32x4.gt(v128.load(at, 32), limit), f32x4.gt(v128.load(at, 48), limit)),
    );
    if (!v128.any_true(above)) continue;
    for (let k = i; k < i + 16; k++) {
      const v = load<f32>(x + <usize>k * 4);
      if (v > top) {
        top = v;
        best = k;
      }
    }
  }
  for (; i < n; i++) {
    const v = load<f32>(x + <usize>i * 4);
    if (v > top) {
      top = v;
      best = i;
    }
  }
  return best;
}

/** Sum of e^(x - top) over n values. */
export function sumExp(x: usize, n: i32, top: f32): f32 {
  const t = f32x4.splat(top);
  let a = f32x4.splat(0),
    i = 0;
  for (; i + 4 <= n; i += 4) a = f32x4.add(a, exp(f32x4.sub(v128.load(x + <usize>i * 4), t)));
  let sum = sumF32(a);
  for (; i < n; i++)
    sum += f32x4.extract_lane(exp(f32x4.splat(load<f32>(x + <usize>i * 4) - top)), 0);
  return sum;
}
