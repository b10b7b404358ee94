// One row of a packed matrix as f32: the embedding look-up. Off the hot path: written for clarity.
// Layouts: engine/quant/layouts.ts. Reference: unpackRow there.
import { loadHalf } from './simd';

// @ts-ignore: decorator
@inline
function nibble(block: usize, j: usize, k: usize): i32 {
  const byte = <i32>load<u8>(block + ((k & 15) >> 2) * 32 + j * 4 + (k & 3));
  return k < 16 ? byte & 15 : byte >> 4;
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
/** Six bits of column k: its own, or in every fourth group the high pairs of the three before it. */
// @ts-ignore: decorator
@inline
function sixBits(block: usize, j: usize, k: usize): i32 {
  const at = block + (k >> 4) * 96 + j * 4 + (k & 3);
  const v = (k & 15) >> 2;
  if (v < 3) return <i32>load<u8>(at + v * 32) & 63;
  return (<i32>load<u8>(at) >> 6) | ((<i32>load<u8>(at, 32) >> 6) << 2) | ((<i32>load<u8>(at, 64) >> 6) << 4);
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
    for (let k: usize = 0; k < 32; k++, out += 4) store<f32>(out, d * <f32>(nibble(block, j, k) - 8));
  }
}

export function rowQ4m(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const multiplier = load<f32>(rows + row * 4), j = row & 7;
  let block = panel(w, row, nBlock, 160);
  for (let b: usize = 0; b < nBlock; b++, block += 160) {
    const d = <f32>load<i16>(block + 128 + j * 2) * multiplier;
    const m = <f32>load<i16>(block + 144 + j * 2) * multiplier * 16;
    for (let k: usize = 0; k < 32; k++, out += 4) store<f32>(out, d * <f32>nibble(block, j, k) + m);
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

export function rowQ6(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 208);
  for (let b: usize = 0; b < nBlock; b++, block += 208) {
    const d = loadHalf(block + 192 + j * 2);
    for (let k: usize = 0; k < 32; k++, out += 4) store<f32>(out, d * <f32>(sixBits(block, j, k) - 32));
  }
}

export function rowQ6b(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  const multiplier = load<f32>(rows + row * 4), j = row & 7;
  let block = panel(w, row, nBlock, 272);
  for (let b: usize = 0; b < nBlock; b++, block += 272) {
    const d = <f32>load<i16>(block + 256 + j * 2) * multiplier;
    for (let k: usize = 0; k < 32; k++, out += 4) {
      const q = <i32>load<u8>(block + (k >> 2) * 32 + j * 4 + (k & 3));
      store<f32>(out, d * <f32>(q - 40));
    }
  }
}

export function rowQ7(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  rowBytes(w, row, nBlock, out, 64);
}
export function rowQ8(w: usize, rows: usize, row: usize, nBlock: usize, out: usize): void {
  rowBytes(w, row, nBlock, out, 128);
}

/** One byte per weight, d (q - zero). */
// @ts-ignore: decorator
@inline
function rowBytes(w: usize, row: usize, nBlock: usize, out: usize, zero: i32): void {
  const j = row & 7;
  let block = panel(w, row, nBlock, 272);
  for (let b: usize = 0; b < nBlock; b++, block += 272) {
    const d = loadHalf(block + 256 + j * 2);
    for (let k: usize = 0; k < 32; k++, out += 4) {
      const q = <i32>load<u8>(block + (k >> 2) * 32 + j * 4 + (k & 3));
      store<f32>(out, d * <f32>(q - zero));
    }
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
