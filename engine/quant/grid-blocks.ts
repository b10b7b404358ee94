/**
 * IQ1, IQ2 and IQ3: superblocks of 256 whose groups of 4 or 8 values are entries of a code book.
 * Layouts: ggml-common.h (`block_iq1_s` ...), reference arithmetic: ggml-quants.c.
 */
import { gridOf } from './grids.ts';
import type { GridName } from './grids.ts';
import { PART } from './integer-parts.ts';
import type { PartReader } from './integer-parts.ts';
import { readHalf } from './simple-blocks.ts';
import type { BlockReader } from './simple-blocks.ts';
import { f16ToF32 } from './half.ts';

const SUPERBLOCK = 256;
/** Values of IQ1's books are moved by an eighth: in eighths, all are whole. */
const EIGHTHS = 8;

/** Copies entry `entry` of a book to `out`, negated where `signs` has a bit. */
function putEntry(
  name: GridName,
  size: 4 | 8,
  entry: number,
  signs: number,
  out: Int8Array,
  at: number,
): void {
  const grid = gridOf(name);
  for (let k = 0; k < size; k++) {
    const value = grid[entry * size + k]!;
    out[at + k] = (signs >> k) & 1 ? -value : value;
  }
}

/** Eight signs of which seven are stored: their number is even. */
function evenSigns(seven: number): number {
  let odd = seven;
  odd ^= odd >> 4;
  odd ^= odd >> 2;
  odd ^= odd >> 1;
  return seven | ((odd & 1) << 7);
}

/** 66 bytes: d, 8 x (4 entries, u32 of 4 x 7 signs and a scale). w = d (sc + 1/2) / 4 v */
export const partIq2Xxs: PartReader = (view, at, part, integers) => {
  const start = at + 2 + part * 8;
  const rest = view.getUint32(start + 4, true);
  for (let g = 0; g < 4; g++) {
    const signs = evenSigns((rest >>> (7 * g)) & 127);
    putEntry('IQ2_XXS', 8, view.getUint8(start + g), signs, integers, g * 8);
  }
  return (readHalf(view, at) * (2 * (rest >>> 28) + 1)) / 8;
};

/** 98 bytes: d, 64 entries of 4, 8 x u32 of 4 x 7 signs and a scale. w = d (sc + 1/2) / 2 v */
export const partIq3Xxs: PartReader = (view, at, part, integers) => {
  const rest = view.getUint32(at + 66 + part * 4, true);
  for (let g = 0; g < 8; g++) {
    const signs = evenSigns((rest >>> (7 * (g >> 1))) & 127) >> (4 * (g & 1));
    putEntry('IQ3_XXS', 4, view.getUint8(at + 2 + part * 8 + g), signs, integers, g * 4);
  }
  return (readHalf(view, at) * (2 * (rest >>> 28) + 1)) / 4;
};

/** 110 bytes: d, 64 entries, their ninth bits, 256 signs, 8 nibbles of scales. w = d (2 sc + 1) v */
export const partIq3S: PartReader = (view, at, part, integers) => {
  const high = view.getUint8(at + 66 + part);
  for (let g = 0; g < 8; g++) {
    const entry = view.getUint8(at + 2 + part * 8 + g) | (((high >> g) & 1) << 8);
    const signs = view.getUint8(at + 74 + part * 4 + (g >> 1)) >> (4 * (g & 1));
    putEntry('IQ3_S', 4, entry, signs, integers, g * 4);
  }
  const scale = view.getUint8(at + 106 + (part >> 1)) >> (4 * (part & 1));
  return readHalf(view, at) * (2 * (scale & 15) + 1);
};

/** Adds or takes away an eighth, in eighths. */
function moveByEighth(integers: Int8Array, from: number, isDown: boolean): void {
  for (let k = from; k < from + 8; k++) integers[k] = integers[k]! * EIGHTHS + (isDown ? -1 : 1);
}

/** 50 bytes: d, 32 entries, 8 x u16 of 4 x 3 high bits, a scale and a sign. w = d (2 sc + 1) (v +- 1/8) */
export const partIq1S: PartReader = (view, at, part, integers) => {
  const rest = view.getUint16(at + 34 + part * 2, true);
  for (let g = 0; g < 4; g++) {
    const entry = view.getUint8(at + 2 + part * 4 + g) | (((rest >> (3 * g)) & 7) << 8);
    putEntry('IQ1_S', 8, entry, 0, integers, g * 8);
    moveByEighth(integers, g * 8, (rest & 0x8000) !== 0);
  }
  return (readHalf(view, at) * (2 * ((rest >> 12) & 7) + 1)) / EIGHTHS;
};

/** Types with a scale for every 16 values, of which no kernel layout has as many. */
type HalfPartReader = (view: DataView, at: number, half: number, integers: Int8Array) => number;

function readHalfParts(readHalfPart: HalfPartReader): BlockReader {
  const integers = new Int8Array(PART / 2);
  return (view, at, out, outAt) => {
    for (let half = 0; half < (2 * SUPERBLOCK) / PART; half++) {
      const scale = readHalfPart(view, at, half, integers);
      for (let k = 0; k < integers.length; k++)
        out[outAt + half * integers.length + k] = scale * integers[k]!;
    }
  };
}

/** Scale `half` of nibbles that begin at `at`, as (sc + 1/2) / 4. */
function quarterScale(view: DataView, at: number, half: number): number {
  return (2 * ((view.getUint8(at + (half >> 1)) >> (4 * (half & 1))) & 15) + 1) / 8;
}

/** 74 bytes: d, 32 x u16 of an entry and 7 signs, 16 nibbles of scales. w = d (sc + 1/2) / 4 v */
export const readIq2Xs: BlockReader = readHalfParts((view, at, half, integers) => {
  for (let g = 0; g < 2; g++) {
    const word = view.getUint16(at + 2 + half * 4 + g * 2, true);
    putEntry('IQ2_XS', 8, word & 511, evenSigns(word >> 9), integers, g * 8);
  }
  return readHalf(view, at) * quarterScale(view, at + 66, half);
});

/** 82 bytes: d, 32 entries, 256 signs, 32 high pairs, 16 nibbles of scales. w = d (sc + 1/2) / 4 v */
export const readIq2S: BlockReader = readHalfParts((view, at, half, integers) => {
  for (let g = 0; g < 2; g++) {
    const i = half * 2 + g;
    const high = (view.getUint8(at + 66 + (i >> 2)) >> (2 * (i & 3))) & 3;
    const entry = view.getUint8(at + 2 + i) | (high << 8);
    putEntry('IQ2_S', 8, entry, view.getUint8(at + 34 + i), integers, g * 8);
  }
  return readHalf(view, at) * quarterScale(view, at + 74, half);
});

/**
 * 56 bytes: 32 entries, 32 x (3 high bits, a sign), 4 x u16 of 4 x 3 bits of scale and a quarter of d.
 * w = d (2 sc + 1) (v +- 1/8)
 */
export const readIq1M: BlockReader = readHalfParts((view, at, half, integers) => {
  for (let g = 0; g < 2; g++) {
    const i = half * 2 + g;
    const rest = view.getUint8(at + 32 + half) >> (4 * g);
    putEntry('IQ1_S', 8, view.getUint8(at + i) | ((rest & 7) << 8), 0, integers, g * 8);
    moveByEighth(integers, g * 8, (rest & 8) !== 0);
  }
  const word = (i: number) => view.getUint16(at + 48 + i * 2, true);
  const d = [0, 1, 2, 3].reduce((bits, i) => bits | ((word(i) >> 12) << (4 * i)), 0);
  const scale = (word(half >> 2) >> (3 * (half & 3))) & 7;
  return (f16ToF32(d) * (2 * scale + 1)) / EIGHTHS;
});
