/**
 * Blocks of 32 quants with one scale, and plain floats: bytes to f32, one block at a time.
 * Nibble k of a block's 16 bytes is the low half of byte k for k < 16, else the high half of k - 16.
 * Layouts: ggml-common.h (`block_q4_0` ...), reference arithmetic: ggml-quants.c.
 */
import { bf16ToF32, f16ToF32 } from './half.ts';

/** Writes the block that begins at byte `at` to `out` from `outAt`. */
export type BlockReader = (view: DataView, at: number, out: Float32Array, outAt: number) => void;

const HALF_BLOCK = 16;
/** IQ4_NL's 16 values a quant can mean (ggml-common.h, `kvalues_iq4nl`). */
export const IQ4_NL_VALUES: readonly number[] = [
  -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

let halfTable: Float32Array | undefined;
/** f16ToF32 by look-up: half files hold millions of them. */
export function readHalf(view: DataView, at: number): number {
  halfTable ??= Float32Array.from({ length: 65536 }, (_, half) => f16ToF32(half));
  return halfTable[view.getUint16(at, true)]!;
}

/** Quant k (0-31) of the nibbles at `at`. */
export function readNibble(view: DataView, at: number, k: number): number {
  return k < HALF_BLOCK ? view.getUint8(at + k) & 15 : view.getUint8(at + k - HALF_BLOCK) >> 4;
}

/** Fifth bits are bit k of a u32 before the nibbles. */
export function readFiveBits(view: DataView, highAt: number, k: number): number {
  const high = (view.getUint8(highAt + (k >> 3)) >> (k & 7)) & 1;
  return readNibble(view, highAt + 4, k) | (high << 4);
}

export const readF32: BlockReader = (view, at, out, outAt) => {
  out[outAt] = view.getFloat32(at, true);
};
export const readF16: BlockReader = (view, at, out, outAt) => {
  out[outAt] = readHalf(view, at);
};
export const readBf16: BlockReader = (view, at, out, outAt) => {
  out[outAt] = bf16ToF32(view.getUint16(at, true));
};

/** w = d (q - 8) */
export const readQ4_0: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * (readNibble(view, at + 2, k) - 8);
};
/** w = d q + m */
export const readQ4_1: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  const m = readHalf(view, at + 2);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * readNibble(view, at + 4, k) + m;
};
/** w = d (q - 16) */
export const readQ5_0: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * (readFiveBits(view, at + 2, k) - 16);
};
/** w = d q + m */
export const readQ5_1: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  const m = readHalf(view, at + 2);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * readFiveBits(view, at + 4, k) + m;
};
/** w = d q, q signed */
export const readQ8_0: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * view.getInt8(at + 2 + k);
};
/** w = d v[q] */
export const readIq4Nl: BlockReader = (view, at, out, outAt) => {
  const d = readHalf(view, at);
  for (let k = 0; k < 32; k++) out[outAt + k] = d * IQ4_NL_VALUES[readNibble(view, at + 2, k)]!;
};
