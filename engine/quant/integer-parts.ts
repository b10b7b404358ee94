/**
 * Block types whose runs of 32 values are one scale times small integers: bytes to both. The same
 * integers go to floats (dequantize.ts) and, where they fit, to a kernel layout (carry-over.ts).
 * Layouts: ggml-common.h (`block_q1_0` ...), reference arithmetic: ggml-quants.c.
 */
import { IQ4_NL_VALUES, readHalf, readNibble } from './simple-blocks.ts';
import type { BlockReader } from './simple-blocks.ts';

export const PART = 32;

/**
 * Reads part `part` (32 values) of the block at byte `at` into `integers`.
 * @returns the scale: w = scale x integer, exact in f32
 */
export type PartReader = (view: DataView, at: number, part: number, integers: Int8Array) => number;

/** All parts of a block of `elements` values, as floats. */
export function readParts(elements: number, readPart: PartReader): BlockReader {
  const integers = new Int8Array(PART);
  return (view, at, out, outAt) => {
    for (let part = 0; part < elements / PART; part++) {
      const scale = readPart(view, at, part, integers);
      for (let k = 0; k < PART; k++) out[outAt + part * PART + k] = scale * integers[k]!;
    }
  };
}

/** 18 bytes for 128: d, 128 bits, lowest first. w = d or -d */
export const partQ1_0: PartReader = (view, at, part, integers) => {
  for (let k = 0; k < PART; k++) {
    const byte = view.getUint8(at + 2 + part * 4 + (k >> 3));
    integers[k] = (byte >> (k & 7)) & 1 ? 1 : -1;
  }
  return readHalf(view, at);
};

/** 18 bytes for 64: d, 64 pairs of bits, lowest first. w = d (q - 1) */
export const partQ2_0: PartReader = (view, at, part, integers) => {
  for (let k = 0; k < PART; k++) {
    const byte = view.getUint8(at + 2 + part * 8 + (k >> 2));
    integers[k] = ((byte >> (2 * (k & 3))) & 3) - 1;
  }
  return readHalf(view, at);
};

/** 66 bytes for 256: four runs of 32 pairs share 32 bytes, twice; d. w = d (q - 1) */
export const partTq2_0: PartReader = (view, at, part, integers) => {
  for (let k = 0; k < PART; k++) {
    const byte = view.getUint8(at + (part >> 2) * PART + k);
    integers[k] = ((byte >> (2 * (part & 3))) & 3) - 1;
  }
  return readHalf(view, at + 64);
};

/** Digits to base 3 that a byte stands for: byte / 256 written as a fraction. */
const POWERS_OF_3 = [1, 3, 9, 27, 81];
/** Where runs of digits lie: `values` from value `from` in `bytes` bytes from `at`. */
const TRIT_RUNS = [
  { from: 0, bytes: 32, at: 0 },
  { from: 160, bytes: 16, at: 32 },
  { from: 240, bytes: 4, at: 48 },
];

/** 54 bytes for 256: 48 bytes of five base-3 digits, 4 of four, d. w = d (digit - 1) */
export const partTq1_0: PartReader = (view, at, part, integers) => {
  for (let k = 0; k < PART; k++) {
    const index = part * PART + k;
    const run = TRIT_RUNS.findLast(({ from }) => from <= index)!;
    const place = index - run.from;
    const byte = view.getUint8(at + run.at + (place % run.bytes));
    const rest = (byte * POWERS_OF_3[Math.floor(place / run.bytes)]!) & 255;
    integers[k] = ((rest * 3) >> 8) - 1;
  }
  return readHalf(view, at + 52);
};

/** Twice the values of E2M1 (OCP Microscaling Formats 1.0), to be whole. */
const E2M1_DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** 17 bytes for 32: exponent, nibbles. w = 2^(e - 127) v[q], halved since v is doubled */
export const partMxfp4: PartReader = (view, at, _part, integers) => {
  for (let k = 0; k < PART; k++) integers[k] = E2M1_DOUBLED[readNibble(view, at + 1, k)]!;
  return 2 ** (view.getUint8(at) - 128);
};

/** 136 bytes for 256: d, 8 pairs of high bits, 8 nibbles of low bits, nibbles. w = d (sc - 32) v[q] */
export const partIq4Xs: PartReader = (view, at, part, integers) => {
  const low = view.getUint8(at + 4 + (part >> 1)) >> (4 * (part & 1));
  const high = view.getUint16(at + 2, true) >> (2 * part);
  for (let k = 0; k < PART; k++)
    integers[k] = IQ4_NL_VALUES[readNibble(view, at + 8 + part * 16, k)]!;
  return readHalf(view, at) * (((low & 15) | ((high & 3) << 4)) - 32);
};
