/**
 * How the quants of a block share its bytes: 8 rows of 32 quants in a panel's block.
 * Byte order inside a block (j = row 0..7, i = 0..3):
 *   nibbles (q4, q4m): byte g*32 + j*4 + i = q[4g+i] | q[16+4g+i] << 4, g = 0..3
 *   five bits (q5, q5m): five vectors of 32 bytes. Byte v*32 + j*4 + i holds in its low five bits
 *     q[4g+i] of group g = FIVE_GROUPS[v], in its high three a part of groups 2, 5 and 7 (`putFiveBits`)
 *   six bits (q6): byte h*96 + v*32 + j*4 + i = q[16h+4v+i], v = 0..2, with bits 2v..2v+1 of q[16h+12+i]
 *     as its high pair, h = 0..1
 *   bytes (q6b, q7, q8): byte g*32 + j*4 + i = q[4g+i], g = 0..7
 */
import { BLOCK_COLS } from '../base/dtypes.ts';

/** The q of a zero weight; also what pads rows and columns (with d = 0 it adds nothing). */
export const QUANT_ZERO = {
  q4: 8,
  q4m: 0,
  q5: 16,
  q5m: 0,
  q6: 32,
  q6b: 40,
  q7: 64,
  q8: 128,
} as const;
export type BlockDtypeName = keyof typeof QUANT_ZERO;

function putNibbles(bytes: Uint8Array, at: number, j: number, q: Uint8Array): void {
  for (let k = 0; k < 16; k++) {
    bytes[at + (k >> 2) * 32 + j * 4 + (k & 3)] = (q[k]! & 15) | ((q[16 + k]! & 15) << 4);
  }
}
/** Which group of four columns stands in the low five bits of each vector; 2, 5 and 7 are spread. */
const FIVE_GROUPS = [0, 1, 3, 4, 6] as const;
/**
 * Pieces of the spread groups: bits `from` and up of group `group` go to bits `to` and up of vector
 * `vector`, `count` of them. Two vectors have a group in their upper bits, the fifth and what is left
 * of the second and fourth have the last: eighteen operations unpack three groups.
 */
const FIVE_PIECES = [
  { group: 2, vector: 0, from: 0, to: 5, count: 3 },
  { group: 2, vector: 1, from: 3, to: 5, count: 2 },
  { group: 5, vector: 2, from: 0, to: 5, count: 3 },
  { group: 5, vector: 3, from: 3, to: 5, count: 2 },
  { group: 7, vector: 4, from: 0, to: 5, count: 3 },
  { group: 7, vector: 1, from: 3, to: 7, count: 1 },
  { group: 7, vector: 3, from: 4, to: 7, count: 1 },
] as const;

function putFiveBits(bytes: Uint8Array, at: number, j: number, q: Uint8Array): void {
  // FIVE_GROUPS and FIVE_PIECES written out: this runs once for every four weights of a file.
  for (let i = 0; i < 4; i++) {
    const first = at + j * 4 + i;
    const second = q[8 + i]!;
    const fifth = q[20 + i]!;
    const last = q[28 + i]!;
    bytes[first] = q[i]! | (second << 5);
    bytes[first + 32] = q[4 + i]! | (((second >> 3) & 3) << 5) | (((last >> 3) & 1) << 7);
    bytes[first + 64] = q[12 + i]! | (fifth << 5);
    bytes[first + 96] = q[16 + i]! | (((fifth >> 3) & 3) << 5) | (((last >> 4) & 1) << 7);
    bytes[first + 128] = q[24 + i]! | (last << 5);
  }
}
function getFiveBits(bytes: Uint8Array, at: number, j: number, k: number): number {
  const first = at + j * 4 + (k & 3);
  const v = FIVE_GROUPS.findIndex((group) => group === k >> 2);
  if (v >= 0) return bytes[first + v * 32]! & 31;
  let q = 0;
  for (const { group, vector, from, to, count } of FIVE_PIECES)
    if (group === k >> 2) q |= ((bytes[first + vector * 32]! >> to) & ((1 << count) - 1)) << from;
  return q;
}
function putSixBits(bytes: Uint8Array, at: number, j: number, q: Uint8Array): void {
  for (let h = 0; h < 2; h++) {
    for (let i = 0; i < 4; i++) {
      const fourth = q[h * 16 + 12 + i]!;
      for (let v = 0; v < 3; v++) {
        bytes[at + h * 96 + v * 32 + j * 4 + i] =
          q[h * 16 + v * 4 + i]! | (((fourth >> (2 * v)) & 3) << 6);
      }
    }
  }
}
function getNibble(bytes: Uint8Array, at: number, j: number, k: number): number {
  const byte = bytes[at + ((k & 15) >> 2) * 32 + j * 4 + (k & 3)]!;
  return k < 16 ? byte & 15 : byte >> 4;
}
function getSixBits(bytes: Uint8Array, at: number, j: number, k: number): number {
  const first = at + (k >> 4) * 96 + j * 4 + (k & 3);
  const v = (k & 15) >> 2;
  if (v < 3) return bytes[first + v * 32]! & 63;
  return [0, 1, 2].reduce((q, n) => q | ((bytes[first + n * 32]! >> 6) << (2 * n)), 0);
}

function putBytes(bytes: Uint8Array, at: number, j: number, q: Uint8Array): void {
  for (let k = 0; k < BLOCK_COLS; k++) bytes[at + (k >> 2) * 32 + j * 4 + (k & 3)] = q[k]!;
}
function getByte(bytes: Uint8Array, at: number, j: number, k: number): number {
  return bytes[at + (k >> 2) * 32 + j * 4 + (k & 3)]!;
}

type QuantWriter = (bytes: Uint8Array, at: number, j: number, q: Uint8Array) => void;
type QuantReader = (bytes: Uint8Array, at: number, j: number, k: number) => number;

/** Writes the 32 quants of row `j` into the block at byte `at`, whose bytes are zero. */
export const QUANT_WRITERS: Record<BlockDtypeName, QuantWriter> = {
  q4: putNibbles,
  q4m: putNibbles,
  q5: putFiveBits,
  q5m: putFiveBits,
  q6: putSixBits,
  q6b: putBytes,
  q7: putBytes,
  q8: putBytes,
};
/** Reads quant `k` of row `j` of the block at byte `at`. */
export const QUANT_READERS: Record<BlockDtypeName, QuantReader> = {
  q4: getNibble,
  q4m: getNibble,
  q5: getFiveBits,
  q5m: getFiveBits,
  q6: getSixBits,
  q6b: getByte,
  q7: getByte,
  q8: getByte,
};
