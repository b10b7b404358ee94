// One row of a packed matrix as f32: the embedding look-up, and every weight of a base that an adapter is trained on.
// Layouts: engine/quant/layouts.ts. Reference: unpackRow there.
import { loadHalf } from './simd';

/** Four neighbouring bytes as i32. */
// @ts-ignore: decorator
@inline
function fourBytes(at: usize): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(at)));
}
/** d q + m, of four quants. */
// @ts-ignore: decorator
@inline
function put(out: usize, q: v128, d: v128, m: v128): void {
  v128.store(out, f32x4.add(f32x4.mul(d, f32x4.convert_i32x4_s(q)), m));
}
/** 32 values of a row whose nibbles lie at `at`, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function putNibbles(at: usize, out: usize, d: v128, m: v128, zero: v128): void {
  for (let v: usize = 0; v < 4; v++) {
    const q = fourBytes(at + v * 32);
    put(out + v * 16, i32x4.sub(v128.and(q, i32x4.splat(15)), zero), d, m);
    put(out + 64 + v * 16, i32x4.sub(i32x4.shr_u(q, 4), zero), d, m);
  }
}
/** Five bits of column k: its own, or pieces of groups 2, 5 and 7 from above the others'. */
// @ts-ignore: decorator
@inline
function fiveBits(block: usize, j: usize, k: usize): i32 {
  const at = block + j * 4 + (k & 3), g = k >> 2;
  if (g == 7)
    return (<i32>load<u8>(at, 128) >> 5) | ((<i32>load<u8>(at, 32) >> 7) << 3) | ((<i32>load<u8>(at, 96) >> 7) << 4);
  // Vectors 0 and 1 hold groups 0 to 2, vectors 2 and 3 groups 3 to 5, vector 4 group 6.
  const t = g / 3, low = at + t * 64;
  if (g % 3 == 2) return (<i32>load<u8>(low) >> 5) | (((<i32>load<u8>(low, 32) >> 5) & 3) << 3);
  return <i32>load<u8>(low + (g % 3) * 32) & 31;
}

/** First block of the panel that holds `row`. */
// @ts-ignore: decorator
@inline
function panel(w: usize, row: usize, nBlock: usize, blockBytes: usize): usize {
  return w + (row >> 3) * nBlock * blockBytes;
}

/** rows: address of the f32 row multipliers. out: nBlock * 32 values. */
export function rowQ4(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const multiplier = load<f32>(rows + row * 4), j = row & 7;
  let block = panel(w, row, nBlock, 144);
  for (let b: usize = 0; b < nBlock; b++, block += 144) {
    const d = <f32>load<i16>(block + 128 + j * 2) * multiplier;
    putNibbles(block + j * 4, out, f32x4.splat(d), f32x4.splat(0), i32x4.splat(8));
    out += 128;
  }
}

export function rowQ4m(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const multiplier = load<f32>(rows + row * 4), j = row & 7;
  let block = panel(w, row, nBlock, 160);
  for (let b: usize = 0; b < nBlock; b++, block += 160) {
    const d = <f32>load<i16>(block + 128 + j * 2) * multiplier;
    const m = <f32>load<i16>(block + 144 + j * 2) * multiplier * 16;
    putNibbles(block + j * 4, out, f32x4.splat(d), f32x4.splat(m), i32x4.splat(0));
    out += 128;
  }
}

export function rowQ5(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 176);
  for (let b: usize = 0; b < nBlock; b++, block += 176) {
    const d = loadHalf(block + 160 + j * 2);
    for (let k: usize = 0; k < 32; k++, out += 4) store<f32>(out, d * <f32>(fiveBits(block, j, k) - 16));
  }
}

export function rowQ5m(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 192);
  for (let b: usize = 0; b < nBlock; b++, block += 192) {
    const d = loadHalf(block + 160 + j * 2);
    const m = loadHalf(block + 176 + j * 2);
    for (let k: usize = 0; k < 32; k++, out += 4) store<f32>(out, d * <f32>fiveBits(block, j, k) + m);
  }
}

/** Six bits of a column are its own, or in every fourth group the high pairs of the three before it. */
export function rowQ6(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 208);
  for (let b: usize = 0; b < nBlock; b++, block += 208) {
    const d = loadHalf(block + 192 + j * 2);
    const d4 = f32x4.splat(d), none = f32x4.splat(0), zero = i32x4.splat(32), low = i32x4.splat(63);
    for (let half: usize = 0; half < 2; half++, out += 64) {
      const at = block + half * 96 + j * 4;
      const a = fourBytes(at), b = fourBytes(at + 32), c = fourBytes(at + 64);
      put(out, i32x4.sub(v128.and(a, low), zero), d4, none);
      put(out + 16, i32x4.sub(v128.and(b, low), zero), d4, none);
      put(out + 32, i32x4.sub(v128.and(c, low), zero), d4, none);
      const high = v128.or(i32x4.shr_u(a, 6), v128.or(i32x4.shl(i32x4.shr_u(b, 6), 2), i32x4.shl(i32x4.shr_u(c, 6), 4)));
      put(out + 48, i32x4.sub(high, zero), d4, none);
    }
  }
}

export function rowQ6b(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const multiplier = load<f32>(rows + row * 4), j = row & 7;
  let block = panel(w, row, nBlock, 272);
  for (let b: usize = 0; b < nBlock; b++, block += 272) {
    putBytes(block + j * 4, out, <f32>load<i16>(block + 256 + j * 2) * multiplier, 40);
    out += 128;
  }
}

export function rowQ7(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  rowBytes(w, row, nBlock, out, 64);
}
export function rowQ8(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  rowBytes(w, row, nBlock, out, 128);
}

/** 32 values of a row whose bytes lie at `at`, four every 32 bytes. */
// @ts-ignore: decorator
@inline
function putBytes(at: usize, out: usize, d: f32, zero: i32): void {
  const d4 = f32x4.splat(d), none = f32x4.splat(0), zeros = i32x4.splat(zero);
  for (let v: usize = 0; v < 8; v++) put(out + v * 16, i32x4.sub(fourBytes(at + v * 32), zeros), d4, none);
}

/** One byte per weight, d (q - zero). */
// @ts-ignore: decorator
@inline
function rowBytes(w: usize, row: usize, nBlock: usize, out: usize, zero: i32): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 272);
  for (let b: usize = 0; b < nBlock; b++, block += 272) {
    putBytes(block + j * 4, out, loadHalf(block + 256 + j * 2), zero);
    out += 128;
  }
}

export function rowF32(w: usize, rows: usize, row: usize, nCol8: usize, out: usize): void {
  memory.copy(out, w + row * nCol8 * 32, nCol8 * 32);
}
export function rowF16(w: usize, rows: usize, row: usize, nCol8: usize, out: usize): void {
  const at = w + row * nCol8 * 16;
  for (let i: usize = 0; i < nCol8 * 8; i++) store<f32>(out + i * 4, loadHalf(at + i * 2));
}
export function rowBf16(w: usize, rows: usize, row: usize, nCol8: usize, out: usize): void {
  const at = w + row * nCol8 * 16;
  for (let i: usize = 0; i < nCol8 * 8; i++) {
    store<f32>(out + i * 4, reinterpret<f32>(<u32>load<u16>(at + i * 2) << 16));
  }
}
