/**
 * K-quants: superblocks of 256 quants whose parts of 16 or 32 have small integer scales of their
 * own: bytes to f32, one superblock at a time.
 * Layouts: ggml-common.h (`block_q2_K` ...), reference arithmetic: ggml-quants.c.
 */
import { readHalf } from './simple-blocks.ts';
import type { BlockReader } from './simple-blocks.ts';

const SUPERBLOCK = 256;

/** 84 bytes: 16 x (scale | min << 4), 64 bytes of 2-bit quants, d, dmin. w = d sc q - dmin mn */
export const readQ2K: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at + 80);
  const dmin = readHalf(view, at + 82);
  for (let k = 0; k < SUPERBLOCK; k++) {
    const scale = view.getUint8(at + (k >> 4));
    const q = readTwoBits(view, at + 16, k);
    out[outAt + k] = d * (scale & 15) * q - dmin * (scale >> 4);
  }
};

/** 110 bytes: 32 bytes of third bits, 64 of 2-bit quants, 12 of 6-bit scales, d. w = d (sc - 32) q */
export const readQ3K: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at + 108);
  for (let k = 0; k < SUPERBLOCK; k++) {
    const scale = readScaleQ3K(view, at + 96, k >> 4) - 32;
    const high = (view.getUint8(at + (k & 31)) >> (k >> 5)) & 1;
    // A set third bit means "do not take 4 away".
    const q = readTwoBits(view, at + 32, k) - (high ? 0 : 4);
    out[outAt + k] = d * scale * q;
  }
};

/** 144 bytes: d, dmin, 12 bytes of 6-bit scales and mins, 128 of nibbles. w = d sc q - dmin mn */
export const readQ4K: BlockReader = (view, at, out, outAt) => {
  for (let part = 0; part < 8; part++) {
    const { d, m } = readPartQ4K(view, at, part);
    for (let k = 0; k < 32; k++) {
      out[outAt + part * 32 + k] = d * readNibbleK(view, at + 16, part, k) + m;
    }
  }
};

/** 176 bytes: as Q4_K, with 32 bytes of fifth bits before the nibbles. */
export const readQ5K: BlockReader = (view, at, out, outAt) => {
  for (let part = 0; part < 8; part++) {
    const { d, m } = readPartQ4K(view, at, part);
    for (let k = 0; k < 32; k++) {
      const high = (view.getUint8(at + 16 + k) >> part) & 1;
      out[outAt + part * 32 + k] = d * (readNibbleK(view, at + 48, part, k) | (high << 4)) + m;
    }
  }
};

/** 210 bytes: 128 of low nibbles, 64 of high pairs, 16 x i8 scale, d. w = d sc (q - 32) */
export const readQ6K: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at + 208);
  for (let k = 0; k < SUPERBLOCK; k++) {
    const half = k >> 7;
    const low = view.getUint8(at + half * 64 + (k & 63));
    const high = view.getUint8(at + 128 + half * 32 + (k & 31)) >> (2 * ((k >> 5) & 3));
    const q = ((k & 64 ? low >> 4 : low & 15) | ((high & 3) << 4)) - 32;
    out[outAt + k] = d * view.getInt8(at + 192 + (k >> 4)) * q;
  }
};

/** d and m of w = d q + m for part 0-7 of a Q4_K or Q5_K superblock. */
export function readPartQ4K(view: DataView, at: number, part: number): { d: number; m: number } {
  const packed = at + 4;
  const i = part & 3;
  let scale = view.getUint8(packed + i);
  let min = view.getUint8(packed + 4 + i);
  if (part < 4) {
    scale &= 63;
    min &= 63;
  } else {
    // The upper four keep their low bits in the last four bytes, their high bits above the others'.
    const low = view.getUint8(packed + 8 + i);
    scale = (low & 15) | ((scale >> 6) << 4);
    min = (low >> 4) | ((min >> 6) << 4);
  }
  return { d: readHalf(view, at) * scale, m: -readHalf(view, at + 2) * min };
}

/** Quant k of part `part`: two parts share 32 bytes, the even one in the low halves. */
export function readNibbleK(view: DataView, at: number, part: number, k: number): number {
  const byte = view.getUint8(at + (part >> 1) * 32 + k);
  return part & 1 ? byte >> 4 : byte & 15;
}

/** Four runs of 32 quants share 32 bytes, two bits each. */
function readTwoBits(view: DataView, at: number, k: number): number {
  return (view.getUint8(at + (k >> 7) * 32 + (k & 31)) >> (2 * ((k >> 5) & 3))) & 3;
}

/** 6-bit scale 0-15 of Q3_K: low nibbles in 8 bytes, high pairs in 4. */
function readScaleQ3K(view: DataView, at: number, part: number): number {
  const low = view.getUint8(at + (part & 7)) >> (part & 8 ? 4 : 0);
  const high = view.getUint8(at + 8 + (part & 3)) >> (2 * (part >> 2));
  return (low & 15) | ((high & 3) << 4);
}
