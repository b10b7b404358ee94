/** Reading AAC's Huffman codes (ISO/IEC 14496-3, 4.6.3). */
import { unpackPrefixCode } from '../prefix-code.ts';
import { DamagedFrame } from './frame-bits.ts';
import type { FrameBits } from './frame-bits.ts';
import { SCALE_FACTOR_BOOK, SPECTRAL_BOOKS } from './huffman-tables.ts';

/** Two children a node: another node, or a symbol as its complement. */
type CodeTree = Int16Array;

interface Book {
  readonly tree: CodeTree;
  /** Coefficients of a symbol: 4 or 2. */
  readonly size: number;
  /** Values that each coefficient of a symbol may have. */
  readonly radix: number;
  /** Subtracted from each, where signs are part of the symbol. */
  readonly offset: number;
  /** Whether signs follow as bits. */
  readonly isUnsigned: boolean;
}

const ESCAPE_BOOK = 11;
const ESCAPE = 16;
/** Most ones before an escaped value: the largest value is 8191. */
const MAX_ESCAPE_ONES = 8;
/** Symbols of the book of scale factors are differences of -60 to 60. */
const SCALE_FACTOR_MIDDLE = 60;

const book = (number: number, size: number, radix: number, isUnsigned: boolean): Book => ({
  ...{ size, radix, isUnsigned, offset: isUnsigned ? 0 : (radix - 1) / 2 },
  tree: treeOf(SPECTRAL_BOOKS[number]!, number === ESCAPE_BOOK ? 3 : 2, radix ** size),
});

/** By number; 0 has no coefficients. */
const BOOKS: readonly (Book | null)[] = [
  null,
  ...[book(1, 4, 3, false), book(2, 4, 3, false), book(3, 4, 3, true), book(4, 4, 3, true)],
  ...[book(5, 2, 9, false), book(6, 2, 9, false), book(7, 2, 8, true), book(8, 2, 8, true)],
  ...[book(9, 2, 13, true), book(10, 2, 13, true), book(11, 2, 17, true)],
];
const SCALE_FACTOR_TREE = treeOf(SCALE_FACTOR_BOOK, 2, 121);

/** @throws {DamagedFrame} at the frame's end */
export function readScaleFactorStep(bits: FrameBits): number {
  return readSymbol(bits, SCALE_FACTOR_TREE) - SCALE_FACTOR_MIDDLE;
}

/**
 * Reads coefficients of one book into `out`, from `from` to before `to`, a multiple of 4 apart.
 * @throws {DamagedFrame} at the frame's end
 */
export function readSpectrum(
  bits: FrameBits,
  number: number,
  out: Float64Array,
  from: number,
  to: number,
): void {
  const { tree, size, radix, offset, isUnsigned } = BOOKS[number]!;
  for (let at = from; at < to; at += size) {
    let symbol = readSymbol(bits, tree);
    for (let i = at + size - 1; i >= at; i--) {
      out[i] = (symbol % radix) - offset;
      symbol = Math.trunc(symbol / radix);
    }
    if (!isUnsigned) continue;
    for (let i = at; i < at + size; i++) if (out[i]! > 0 && bits.bit() === 1) out[i]! *= -1;
    if (number !== ESCAPE_BOOK) continue;
    for (let i = at; i < at + size; i++)
      if (Math.abs(out[i]!) === ESCAPE) out[i] = Math.sign(out[i]!) * readEscape(bits);
  }
}

function readEscape(bits: FrameBits): number {
  let nOne = 0;
  while (bits.bit() === 1)
    if (++nOne > MAX_ESCAPE_ONES) throw new DamagedFrame('a value above 8191');
  return 2 ** (nOne + 4) + bits.read(nOne + 4);
}

function readSymbol(bits: FrameBits, tree: CodeTree): number {
  let node = 0;
  do node = tree[2 * node + bits.bit()]!;
  while (node > 0);
  return ~node;
}

function treeOf(packed: string, symbolChars: number, nSymbol: number): CodeTree {
  const { codes, lengths } = unpackPrefixCode(packed, symbolChars, nSymbol);
  const tree = new Int16Array(2 * nSymbol);
  let nNode = 1;
  for (let symbol = 0; symbol < nSymbol; symbol++) {
    let node = 0;
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      const child = 2 * node + ((codes[symbol]! >>> bit) & 1);
      if (bit === 0) tree[child] = ~symbol;
      else node = tree[child]! === 0 ? (tree[child] = nNode++) : tree[child]!;
    }
  }
  return tree;
}
