/** Decodes the coefficients of one block: a function for each kind of scan (ITU-T T.81, F.2.2 and G.2). */
import { invalidPicture } from '../picture.ts';
import type { ScanBits } from './bits.ts';
import type { HuffmanTable } from './huffman.ts';
import type { BlockSide } from './inverse-transform.ts';
import { ZIGZAG } from './headers.ts';

/** Coefficients of a component's blocks: those of low frequency that its pixels are made of. */
export interface BlockStore {
  /** [blocks, side * side] */
  readonly kept: Int16Array;
  readonly side: BlockSide;
  /** By index in the zigzag order: the place in a block, or -1 for one that is not kept. [64] */
  readonly places: Int8Array;
  /**
   * A bit for each coefficient that is not 0: later scans say less about the others. [blocks, 2], empty where no scan
   * refines.
   */
  readonly isSet: Uint32Array;
}

export function blockStore(nBlock: number, side: BlockSide, isRefined: boolean): BlockStore {
  return {
    kept: new Int16Array(nBlock * side * side),
    side,
    places: placesOf(side),
    isSet: new Uint32Array(isRefined ? 2 * nBlock : 0),
  };
}

/** Bytes of a block in a store. */
export function blockBytes(side: BlockSide, isRefined: boolean): number {
  return 2 * side * side + (isRefined ? 8 : 0);
}

function placesOf(side: BlockSide): Int8Array {
  return Int8Array.from(ZIGZAG, (position) => {
    const [row, column] = [position >> 3, position & 7];
    return row < side && column < side ? row * side + column : -1;
  });
}

/** What the blocks of a component share while a scan is decoded. */
export interface BlockState {
  readonly store: BlockStore;
  readonly dc: HuffmanTable;
  readonly ac: HuffmanTable;
  readonly from: number;
  readonly to: number;
  readonly lowBit: number;
  /** DC of the block before. */
  predicted: number;
  /** Blocks from here on that have no more coefficients in this scan. */
  nEmpty: number;
}

export type DecodeBlock = (bits: ScanBits, state: BlockState, block: number) => void;

export const sequentialBlock: DecodeBlock = (bits, state, block) => {
  const { kept, side, places } = state.store;
  const at = block * side * side;
  state.predicted += bits.signed(checkedBits(bits.symbol(state.dc)));
  kept[at] = state.predicted;
  for (let k = 1; k < 64; k++) {
    const symbol = bits.symbol(state.ac);
    const nBit = symbol & 15;
    if (nBit === 0) {
      if (symbol !== 0xf0) return;
      k += 15;
      continue;
    }
    k += symbol >> 4;
    if (k > 63) throw tooMany();
    const place = places[k]!;
    if (place < 0) bits.skip(nBit);
    else kept[at + place] = bits.signed(nBit);
  }
};

export const firstDc: DecodeBlock = (bits, state, block) => {
  state.predicted += bits.signed(checkedBits(bits.symbol(state.dc)));
  state.store.kept[block * state.store.side ** 2] = state.predicted << state.lowBit;
};

export const refinedDc: DecodeBlock = (bits, { store: { kept, side }, lowBit }, block) => {
  if (bits.bit() === 1) kept[block * side * side]! |= 1 << lowBit;
};

export const firstAc: DecodeBlock = (bits, state, block) => {
  if (state.nEmpty > 0) {
    state.nEmpty--;
    return;
  }
  const { store, to, lowBit } = state;
  const { kept, side, places, isSet } = store;
  const at = block * side * side;
  for (let k = state.from; k <= to; k++) {
    const symbol = bits.symbol(state.ac);
    const run = symbol >> 4;
    const nBit = symbol & 15;
    if (nBit === 0 && run < 15) {
      state.nEmpty = emptyRun(bits, run) - 1;
      return;
    }
    k += run;
    if (nBit === 0) continue;
    if (k > to) throw tooMany();
    const value = bits.signed(nBit) << lowBit;
    isSet[2 * block + (k >> 5)]! |= 1 << (k & 31);
    const place = places[k]!;
    if (place >= 0) kept[at + place] = value;
  }
};

export const refinedAc: DecodeBlock = (bits, state, block) => {
  const { store, to, lowBit } = state;
  let k = state.from;
  if (state.nEmpty === 0) {
    for (; k <= to; k++) {
      const symbol = bits.symbol(state.ac);
      let run = symbol >> 4;
      const nBit = symbol & 15;
      let value = 0;
      if (nBit === 1) value = bits.bit() === 1 ? 1 << lowBit : -1 << lowBit;
      else if (nBit !== 0) throw tooMany();
      else if (run < 15) {
        state.nEmpty = emptyRun(bits, run);
        break;
      }
      // Over `run` zeros, refining what is not zero on the way.
      for (; k <= to; k++) {
        if (isNonZero(store, block, k)) refine(bits, store, block, k, lowBit);
        else if (run-- === 0) break;
      }
      if (value === 0) continue;
      if (k > to) throw tooMany();
      store.isSet[2 * block + (k >> 5)]! |= 1 << (k & 31);
      const place = store.places[k]!;
      if (place >= 0) store.kept[block * store.side ** 2 + place] = value;
    }
  }
  if (state.nEmpty === 0) return;
  for (; k <= to; k++) if (isNonZero(store, block, k)) refine(bits, store, block, k, lowBit);
  state.nEmpty--;
};

function isNonZero({ isSet }: BlockStore, block: number, k: number): boolean {
  return ((isSet[2 * block + (k >> 5)]! >>> (k & 31)) & 1) === 1;
}

function refine(
  bits: ScanBits,
  { kept, side, places }: BlockStore,
  block: number,
  k: number,
  lowBit: number,
): void {
  if (bits.bit() === 0) return;
  const place = places[k]!;
  if (place < 0) return;
  const at = block * side * side + place;
  kept[at] = kept[at]! + (kept[at]! < 0 ? -1 << lowBit : 1 << lowBit);
}

/** Number of blocks that end here, this one included (G.1.2.2). */
function emptyRun(bits: ScanBits, nBit: number): number {
  return nBit === 0 ? 1 : (1 << nBit) + bits.bits(nBit);
}

function checkedBits(nBit: number): number {
  if (nBit <= 15) return nBit;
  throw invalidPicture('is damaged: an impossible coefficient', 'a whole JPEG');
}

function tooMany(): Error {
  return invalidPicture('is damaged: a block has too many coefficients', 'a whole JPEG');
}
