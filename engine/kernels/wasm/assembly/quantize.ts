// Activations to int8, in the panel form the block products read.
//
// Per block of 32 columns and tile of T tokens (1 to 4), 176 T bytes, token t of the tile at 16 t:
//   0       8 groups g of T x 16 bytes: int8 x[4g .. 4g+3], four times over (one copy per row)
//   128 T   i16 pairs -8 x (sum of pairs k%4 in {0,1}, sum of pairs k%4 in {2,3})
//   144 T   f32 16 x the sum of x as rounded (scale included), four times
//   160 T   f32 scale, four times
// x is rounded to q = round(x * 127 / max|x|), |q| <= 127; scale = max|x| / 127.

import { roundToInt } from './simd';

export const BLOCK_BYTES: usize = 176;

/**
 * src: [nTok, srcStride] f32, each row padded with zeros to nBlock * 32. Tiles of four tokens, and a
 * smaller one of the rest.
 */
export function quantizeRows(src: usize, srcStride: usize, nTok: i32, nBlock: i32, dst: usize): void {
  quantize(src, srcStride, nTok, nBlock, dst, 127);
}
/** As quantizeRows in fewer steps, |q| <= 51, for weights of 81 steps (matmul-q6b.ts); any product reads them. */
export function quantizeRowsCoarse(src: usize, srcStride: usize, nTok: i32, nBlock: i32, dst: usize): void {
  quantize(src, srcStride, nTok, nBlock, dst, 51);
}

// @ts-ignore: decorator
@inline
function quantize(src: usize, srcStride: usize, nTok: i32, nBlock: i32, dst: usize, most: f32): void {
  const rowBytes = <usize>nBlock * BLOCK_BYTES;
  for (let t = 0; t < nTok; t++) {
    const tile = <usize>min(4, nTok - (t & ~3));
    const out = dst + <usize>(t & ~3) * rowBytes + <usize>(t & 3) * 16;
    quantizeRow(src + <usize>t * srcStride * 4, nBlock, out, tile, most);
  }
}

// @ts-ignore: decorator
@inline
function quantizeRow(src: usize, nBlock: i32, dst: usize, tile: usize, most: f32): void {
  for (let b = 0; b < nBlock; b++) {
    const x0 = v128.load(src), x1 = v128.load(src, 16), x2 = v128.load(src, 32), x3 = v128.load(src, 48);
    const x4 = v128.load(src, 64), x5 = v128.load(src, 80), x6 = v128.load(src, 96), x7 = v128.load(src, 112);
    let m = f32x4.pmax(f32x4.pmax(f32x4.abs(x0), f32x4.abs(x1)), f32x4.pmax(f32x4.abs(x2), f32x4.abs(x3)));
    m = f32x4.pmax(m, f32x4.pmax(f32x4.pmax(f32x4.abs(x4), f32x4.abs(x5)), f32x4.pmax(f32x4.abs(x6), f32x4.abs(x7))));
    m = f32x4.pmax(m, i8x16.shuffle(m, m, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    m = f32x4.pmax(m, i8x16.shuffle(m, m, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    const largest = f32x4.extract_lane(m, 0);
    const inverse = f32x4.splat(largest > 1e-30 ? most / largest : 0);
    const lo = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(round(x0, inverse), round(x1, inverse)),
      i16x8.narrow_i32x4_s(round(x2, inverse), round(x3, inverse)),
    );
    const hi = i8x16.narrow_i16x8_s(
      i16x8.narrow_i32x4_s(round(x4, inverse), round(x5, inverse)),
      i16x8.narrow_i32x4_s(round(x6, inverse), round(x7, inverse)),
    );
    v128.store(dst, i8x16.shuffle(lo, lo, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3));
    v128.store(dst + 16 * tile, i8x16.shuffle(lo, lo, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
    v128.store(dst + 32 * tile, i8x16.shuffle(lo, lo, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11));
    v128.store(dst + 48 * tile, i8x16.shuffle(lo, lo, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15));
    v128.store(dst + 64 * tile, i8x16.shuffle(hi, hi, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3));
    v128.store(dst + 80 * tile, i8x16.shuffle(hi, hi, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7, 4, 5, 6, 7));
    v128.store(dst + 96 * tile, i8x16.shuffle(hi, hi, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11, 8, 9, 10, 11));
    v128.store(dst + 112 * tile, i8x16.shuffle(hi, hi, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15));
    let sums = i16x8.add(i16x8.extadd_pairwise_i8x16_s(lo), i16x8.extadd_pairwise_i8x16_s(hi));
    sums = i16x8.add(sums, i8x16.shuffle(sums, sums, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7));
    sums = i16x8.add(sums, i8x16.shuffle(sums, sums, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11));
    v128.store(dst + 128 * tile, i16x8.neg(i16x8.shl(sums, 3)));
    const scale = f32x4.splat(largest > 1e-30 ? largest / most : 0);
    const total = f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(sums, i16x8.splat(16)));
    v128.store(dst + 144 * tile, f32x4.mul(total, scale));
    v128.store(dst + 160 * tile, scale);
    src += 128;
    dst += BLOCK_BYTES * tile;
  }
}

// @ts-ignore: decorator
@inline
function round(x: v128, inverse: v128): v128 {
  return roundToInt(f32x4.mul(x, inverse));
}
