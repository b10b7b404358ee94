/** How many bits quantized coefficients take, which tables take the fewest, and writing them. */
import type { BitWriter } from '../bit-writer.ts';
import { unpackPrefixCode } from '../prefix-code.ts';
import type { PrefixCode } from '../prefix-code.ts';
import { PAIR_TABLES, QUAD_TABLE_A, QUAD_TABLE_B } from './huffman-tables.ts';
import { GRANULE_SAMPLES } from './stream-format.ts';

interface PairTable extends PrefixCode {
  /** Bits that follow the code of a value of 15 or more. */
  readonly linbits: number;
  /** Largest value that the table can express. */
  readonly max: number;
  /** Length of the code with its signs, by `16 * x + y`. */
  readonly costs: Uint8Array;
}

/** `linbits` of tables 16 to 31. */
const LINBITS = [1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13] as const;
const ESCAPE = 15;
/** Largest magnitude that any table can express. */
export const MAX_QUANTIZED = ESCAPE + 2 ** 13 - 1;

/** By number; 0, 4 and 14 do not exist. */
const PAIRS: readonly (PairTable | null)[] = Array.from({ length: 32 }, (_, number) => {
  const packed = PAIR_TABLES[number < 16 ? number : number < 24 ? 16 : 24];
  if (packed === undefined) return null;
  const code = unpackPrefixCode(packed, 2, 256);
  const linbits = number < 16 ? 0 : LINBITS[number - 16]!;
  const max = linbits > 0 ? ESCAPE + 2 ** linbits - 1 : code.lengths.findLastIndex(Boolean) >> 4;
  const costs = code.lengths.map((length, at) => length + (at >> 4 && 1) + (at & 15 && 1));
  return { ...code, linbits, max, costs };
});
const QUADS = [QUAD_TABLE_A, QUAD_TABLE_B].map((packed) => unpackPrefixCode(packed, 1, 16));

/** How a granule's coefficients are divided and coded. */
export interface HuffmanPlan {
  /** Pairs before those whose values are at most 1. */
  readonly nPair: number;
  /** Quadruples after the pairs; all after them is zero. */
  readonly nQuad: number;
  /** Bands of the first and second of the three regions of pairs. */
  readonly regionBands: readonly [number, number];
  /** First coefficient of the second and the third region. */
  readonly regionStarts: readonly [number, number];
  readonly tables: readonly [number, number, number];
  /** 0 is table A, 1 is table B. */
  readonly quadTable: number;
  readonly nBit: number;
}

/** @param magnitudes 576 quantized values, at most MAX_QUANTIZED */
export function planHuffman(magnitudes: Uint16Array, bands: readonly number[]): HuffmanPlan {
  const { nPair, nQuad } = divide(magnitudes);
  const end = 2 * nPair;
  const nBand = bands.findIndex((start) => start >= end);
  const third = Math.max(1, Math.floor(nBand / 3));
  const regionStarts = [Math.min(end, bands[third]!), Math.min(end, bands[2 * third]!)] as const;
  const regions = [
    cheapest(magnitudes, 0, regionStarts[0]),
    cheapest(magnitudes, regionStarts[0], regionStarts[1]),
    cheapest(magnitudes, regionStarts[1], end),
  ] as const;
  const quads = QUADS.map(({ lengths }) => quadBits(magnitudes, end, nQuad, lengths));
  const quadTable = quads[1]! < quads[0]! ? 1 : 0;
  return {
    ...{ nPair, nQuad, regionStarts, quadTable },
    regionBands: [third, third],
    tables: [regions[0].table, regions[1].table, regions[2].table],
    nBit: regions.reduce((sum, { nBit }) => sum + nBit, quads[quadTable]!),
  };
}

/** @param negative whether a coefficient is below zero, by its position */
export function writeHuffman(
  writer: BitWriter,
  magnitudes: Uint16Array,
  negative: Uint8Array,
  { nPair, nQuad, regionStarts, tables, quadTable }: HuffmanPlan,
): void {
  for (let at = 0; at < 2 * nPair; at += 2) {
    const region = at < regionStarts[0] ? 0 : at < regionStarts[1] ? 1 : 2;
    writePair(writer, magnitudes, negative, at, PAIRS[tables[region]] ?? null);
  }
  const { codes, lengths } = QUADS[quadTable]!;
  for (let at = 2 * nPair; at < 2 * nPair + 4 * nQuad; at += 4) {
    const symbol = quadSymbol(magnitudes, at);
    writer.write(codes[symbol]!, lengths[symbol]!);
    for (let i = at; i < at + 4; i++) if (magnitudes[i]! > 0) writer.write(negative[i]!, 1);
  }
}

function writePair(
  writer: BitWriter,
  magnitudes: Uint16Array,
  negative: Uint8Array,
  at: number,
  table: PairTable | null,
): void {
  if (table === null) return;
  const symbol = 16 * Math.min(ESCAPE, magnitudes[at]!) + Math.min(ESCAPE, magnitudes[at + 1]!);
  writer.write(table.codes[symbol]!, table.lengths[symbol]!);
  for (const i of [at, at + 1]) {
    const value = magnitudes[i]!;
    if (value >= ESCAPE) writer.write(value - ESCAPE, table.linbits);
    if (value > 0) writer.write(negative[i]!, 1);
  }
}

/** Zeros at the end take no bits; values up to 1 before them are coded by fours. */
function divide(magnitudes: Uint16Array): { nPair: number; nQuad: number } {
  let end = GRANULE_SAMPLES;
  while (end > 0 && magnitudes[end - 1] === 0 && magnitudes[end - 2] === 0) end -= 2;
  let start = end;
  while (start >= 4 && isSmall(magnitudes, start - 4)) start -= 4;
  return { nPair: start / 2, nQuad: (end - start) / 4 };
}

function isSmall(magnitudes: Uint16Array, at: number): boolean {
  return (magnitudes[at]! | magnitudes[at + 1]! | magnitudes[at + 2]! | magnitudes[at + 3]!) <= 1;
}

function quadSymbol(magnitudes: Uint16Array, at: number): number {
  return (
    (magnitudes[at]! << 3) |
    (magnitudes[at + 1]! << 2) |
    (magnitudes[at + 2]! << 1) |
    magnitudes[at + 3]!
  );
}

function quadBits(
  magnitudes: Uint16Array,
  from: number,
  nQuad: number,
  lengths: Uint8Array,
): number {
  let nBit = 0;
  for (let at = from; at < from + 4 * nQuad; at += 4) {
    const symbol = quadSymbol(magnitudes, at);
    nBit += lengths[symbol]! + SIGNS[symbol]!;
  }
  return nBit;
}
/** Values that are not zero in a quadruple. */
const SIGNS = Uint8Array.from(
  { length: 16 },
  (_, i) => (i & 1) + ((i >> 1) & 1) + ((i >> 2) & 1) + (i >> 3),
);

/** Tables that come into question for a largest value below 16. */
const CANDIDATES = [
  [],
  [1],
  [2, 3],
  [5, 6],
  [7, 8, 9],
  [7, 8, 9],
  [10, 11, 12],
  [10, 11, 12],
] as const;

function candidates(max: number): readonly number[] {
  if (max < CANDIDATES.length) return CANDIDATES[max]!;
  if (max <= ESCAPE) return [13, 15];
  const fits = (number: number) => PAIRS[number]!.max >= max;
  return [
    [16, 17, 18, 19, 20, 21, 22, 23].find(fits)!,
    [24, 25, 26, 27, 28, 29, 30, 31].find(fits)!,
  ];
}

function cheapest(
  magnitudes: Uint16Array,
  from: number,
  to: number,
): { table: number; nBit: number } {
  let max = 0;
  for (let at = from; at < to; at++) max = Math.max(max, magnitudes[at]!);
  let best = { table: 0, nBit: max === 0 ? 0 : Infinity };
  for (const table of candidates(max)) {
    const nBit = pairBits(magnitudes, from, to, PAIRS[table]!);
    if (nBit < best.nBit) best = { table, nBit };
  }
  return best;
}

function pairBits(magnitudes: Uint16Array, from: number, to: number, table: PairTable): number {
  const { costs, linbits } = table;
  let nBit = 0;
  for (let at = from; at < to; at += 2) {
    let [x, y] = [magnitudes[at]!, magnitudes[at + 1]!];
    if (x >= ESCAPE) {
      x = ESCAPE;
      nBit += linbits;
    }
    if (y >= ESCAPE) {
      y = ESCAPE;
      nBit += linbits;
    }
    nBit += costs[16 * x + y]!;
  }
  return nBit;
}
