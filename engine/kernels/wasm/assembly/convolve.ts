// Convolutions of pictures, channels last: rows of `stride` values, a row a position. Widths are multiples of 8.
// References: engine/kernels/reference/convolve.ts.
import { madd } from './simd';

/** y = clamp(y + bias) for each of nTok rows of n values; what is between n and stride becomes zero. */
export function biasClampRows(y: usize, bias: usize, n: i32, nTok: i32, stride: i32, low: f32, high: f32): void {
  const least = f32x4.splat(low), most = f32x4.splat(high), zero = f32x4.splat(0);
  for (let t = 0; t < nTok; t++) {
    let i = 0;
    for (; i < n; i += 4) {
      const at = <usize>i * 4;
      const v = f32x4.add(v128.load(y + at), v128.load(bias + at));
      v128.store(y + at, f32x4.pmin(most, f32x4.pmax(least, v)));
    }
    for (; i < stride; i += 4) v128.store(y + <usize>i * 4, zero);
    y += <usize>stride * 4;
  }
}

/**
 * A channel at a time: out[oy][ox] = clamp(bias + sum over taps of w[tap] x[oy step + ky - before][ox step + kx - before]),
 * positions outside of the picture being zero. x: [height, width, stride]; w: [kernel * kernel, n];
 * out: [outHeight, outWidth, stride], zero between n and stride.
 */
export function depthwise(
  x: usize, w: usize, bias: usize, out: usize,
  height: i32, width: i32, outHeight: i32, outWidth: i32,
  n: i32, stride: i32, kernel: i32, step: i32, before: i32, low: f32, high: f32,
): void {
  const least = f32x4.splat(low), most = f32x4.splat(high), zero = f32x4.splat(0);
  const pitch = <usize>stride * 4, tapPitch = <usize>n * 4;
  for (let oy = 0; oy < outHeight; oy++) {
    const top = oy * step - before;
    const y0 = max(0, -top), y1 = min(kernel, height - top);
    for (let ox = 0; ox < outWidth; ox++) {
      const left = ox * step - before;
      const x0 = max(0, -left), x1 = min(kernel, width - left);
      for (let c = 0; c < n; c += 8) {
        const at = <usize>c * 4;
        let a = v128.load(bias + at), b = v128.load(bias + at, 16);
        for (let ky = y0; ky < y1; ky++) {
          let from = x + at + <usize>((top + ky) * width + left + x0) * pitch;
          let tap = w + at + <usize>(ky * kernel + x0) * tapPitch;
          for (let kx = x0; kx < x1; kx++) {
            a = madd(v128.load(from), v128.load(tap), a);
            b = madd(v128.load(from, 16), v128.load(tap, 16), b);
            from += pitch;
            tap += tapPitch;
          }
        }
        v128.store(out + at, f32x4.pmin(most, f32x4.pmax(least, a)));
        v128.store(out + at, f32x4.pmin(most, f32x4.pmax(least, b)), 16);
      }
      for (let c = n; c < stride; c += 4) v128.store(out + <usize>c * 4, zero);
      out += pitch;
    }
  }
}

/** out = mean of nTok rows of n values. */
export function meanRows(x: usize, out: usize, n: i32, nTok: i32, stride: i32): void {
  const share = f32x4.splat(<f32>1.0 / <f32>nTok);
  for (let i = 0; i < n; i += 4) {
    let sum = f32x4.splat(0);
    let at = x + <usize>i * 4;
    for (let t = 0; t < nTok; t++) {
      sum = f32x4.add(sum, v128.load(at));
      at += <usize>stride * 4;
    }
    v128.store(out + <usize>i * 4, f32x4.mul(sum, share));
  }
}
