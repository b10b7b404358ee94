// y = W x in f32 for weights kept as f32, f16 or bf16, row-major with rows padded to 8 columns.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { HALF_SCALE, loadHalvesScaled, madd, sumF32 } from './simd';

/** Four weights from `at` as f32. */
// @ts-ignore: decorator
@inline
function load4(at: usize, kind: i32): v128 {
  if (kind == 0) return v128.load(at);
  if (kind == 2) return i32x4.shl(v128.load16x4_u(at), 16);
  return f32x4.mul(loadHalvesScaled(at), f32x4.splat(HALF_SCALE));
}

// @ts-ignore: decorator
@inline
function matmul(w: usize, x: usize, y: usize, nRow: i32, nCol8: i32, nTok: i32, xStride: usize, yStride: usize, add: i32, kind: i32): void {
  const elementBytes: usize = kind == 0 ? 4 : 2;
  for (let row = 0; row < nRow; row++) {
    for (let t = 0; t < nTok; t++) {
      let xp = x + <usize>t * xStride * 4;
      let wp = w;
      let a = f32x4.splat(0), b = f32x4.splat(0);
      for (let c = 0; c < nCol8; c++) {
        a = madd(load4(wp, kind), v128.load(xp), a);
        b = madd(load4(wp + 4 * elementBytes, kind), v128.load(xp, 16), b);
        wp += 8 * elementBytes;
        xp += 32;
      }
      const at = y + (<usize>t * yStride + row) * 4;
      const value = sumF32(f32x4.add(a, b));
      store<f32>(at, add ? load<f32>(at) + value : value);
    }
    w += <usize>nCol8 * 8 * elementBytes;
  }
}

/** x: [nTok, xStride], y: [nTok, yStride], both f32 (strides in values); nCol8 = padded columns / 8. */
export function matmulF32(w: usize, x: usize, y: usize, nRow: i32, nCol8: i32, nTok: i32, xStride: usize, yStride: usize, add: i32): void {
  matmul(w, x, y, nRow, nCol8, nTok, xStride, yStride, add, 0);
}
export function matmulF16(w: usize, x: usize, y: usize, nRow: i32, nCol8: i32, nTok: i32, xStride: usize, yStride: usize, add: i32): void {
  matmul(w, x, y, nRow, nCol8, nTok, xStride, yStride, add, 1);
}
export function matmulBf16(w: usize, x: usize, y: usize, nRow: i32, nCol8: i32, nTok: i32, xStride: usize, yStride: usize, add: i32): void {
  matmul(w, x, y, nRow, nCol8, nTok, xStride, yStride, add, 2);
}
