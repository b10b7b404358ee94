/**
 * Source block types whose quants fit a kernel layout as they are: bytes to quants and scales
 * without going through floats, so that nothing is rounded a second time. One row a pair.
 */
import { BLOCK_COLS } from '../base/dtypes.ts';
import { SOURCE_DTYPES } from '../formats/source-dtypes.ts';
import type { SourceDtype } from '../formats/source-dtypes.ts';
import { partIq1S, partIq2Xxs, partIq3S, partIq3Xxs } from './grid-blocks.ts';
import {
  PART,
  partIq4Xs,
  partMxfp4,
  partQ1_0,
  partQ2_0,
  partTq1_0,
  partTq2_0,
} from './integer-parts.ts';
import type { PartReader } from './integer-parts.ts';
import { readNibbleK, readPartQ4K } from './k-blocks.ts';
import { WITH_MIN } from './layouts.ts';
import type { QuantizedMatrix } from './layouts.ts';
import { QUANT_ZERO } from './block-bytes.ts';
import type { BlockDtypeName } from './block-bytes.ts';
import { IQ4_NL_VALUES, readFiveBits, readHalf, readNibble } from './simple-blocks.ts';

interface QuantizedBlocks {
  readonly quants: Uint8Array;
  readonly scales: Float32Array;
  readonly mins: Float32Array;
}
/** Writes the source block at byte `at`; `block` counts blocks of 32 from the first. */
type BlockCarrier = (view: DataView, at: number, to: QuantizedBlocks, block: number) => void;

/** A block of one scale whose quants only shift: q' = quant(k), w = d (q' - zero). */
function carryShifted(quant: (view: DataView, at: number, k: number) => number): BlockCarrier {
  return (view, at, { quants, scales }, block) => {
    scales[block] = readHalf(view, at);
    for (let k = 0; k < BLOCK_COLS; k++) quants[block * BLOCK_COLS + k] = quant(view, at + 2, k);
  };
}

/** A block of scale and minimum: w = d q + m. */
function carryWithMin(quant: (view: DataView, at: number, k: number) => number): BlockCarrier {
  return (view, at, { quants, scales, mins }, block) => {
    scales[block] = readHalf(view, at);
    mins[block] = readHalf(view, at + 2);
    for (let k = 0; k < BLOCK_COLS; k++) quants[block * BLOCK_COLS + k] = quant(view, at + 4, k);
  };
}

/** A superblock is eight of our blocks; d and m are products of 17 bits, which packing may round. */
const carryQ4K: BlockCarrier = (view, at, { quants, scales, mins }, block) => {
  for (let part = 0; part < 8; part++) {
    const { d, m } = readPartQ4K(view, at, part);
    scales[block + part] = d;
    mins[block + part] = m;
    const start = (block + part) * BLOCK_COLS;
    for (let k = 0; k < BLOCK_COLS; k++) quants[start + k] = readNibbleK(view, at + 16, part, k);
  }
};

/** Where a half overflows to infinity. */
const HALF_OVERFLOW = 65_520;

/** Runs of 32 integers with one scale: w = scale x integer. */
function carryParts(target: BlockDtypeName, nPart: number, readPart: PartReader): BlockCarrier {
  const integers = new Int8Array(PART);
  const zero = QUANT_ZERO[target];
  return (view, at, { quants, scales }, block) => {
    for (let part = 0; part < nPart; part++) {
      const scale = readPart(view, at, part, integers);
      // What a layout's half cannot hold shows as an infinity, which importers refuse.
      scales[block + part] = Math.abs(scale) < HALF_OVERFLOW ? scale : Infinity;
      const start = (block + part) * BLOCK_COLS;
      for (let k = 0; k < PART; k++) quants[start + k] = integers[k]! + zero;
    }
  };
}

const CARRIERS: Partial<Record<SourceDtype, Partial<Record<BlockDtypeName, BlockCarrier>>>> = {
  Q4_0: { q4: carryShifted(readNibble) },
  Q4_1: { q4m: carryWithMin(readNibble) },
  Q4_K: { q4m: carryQ4K },
  Q5_0: {
    q5: carryShifted(readFiveBits),
    q6: carryShifted((view, at, k) => readFiveBits(view, at, k) - 16 + 32),
    q8: carryShifted((view, at, k) => readFiveBits(view, at, k) - 16 + 128),
  },
  Q5_1: { q5m: carryWithMin(readFiveBits) },
  Q8_0: { q8: carryShifted((view, at, k) => view.getInt8(at + k) + 128) },
  IQ4_NL: { q8: carryShifted((view, at, k) => IQ4_NL_VALUES[readNibble(view, at, k)]! + 128) },
  Q1_0: { q4: carryParts('q4', 4, partQ1_0) },
  Q2_0: { q4: carryParts('q4', 2, partQ2_0) },
  TQ1_0: { q4: carryParts('q4', 8, partTq1_0) },
  TQ2_0: { q4: carryParts('q4', 8, partTq2_0) },
  MXFP4: { q5: carryParts('q5', 1, partMxfp4) },
  // Their scales are products of a half and a small integer, rounded to a half again.
  IQ1_S: { q5: carryParts('q5', 8, partIq1S) },
  IQ2_XXS: { q8: carryParts('q8', 8, partIq2Xxs) },
  IQ3_XXS: { q8: carryParts('q8', 8, partIq3Xxs) },
  IQ3_S: { q5: carryParts('q5', 8, partIq3S) },
  IQ4_XS: { q8: carryParts('q8', 8, partIq4Xs) },
};

/** Whether `carryMatrix` takes this pair. */
export function canCarry(source: SourceDtype, target: string): target is BlockDtypeName {
  return Object.hasOwn(CARRIERS[source] ?? {}, target);
}

/**
 * The quants of a [nRow, nCol] matrix of `source` as `target` wants them. nCol is a whole number of
 * source blocks, so that blocks of 32 follow each other over row ends.
 */
export function carryMatrix(
  source: SourceDtype,
  target: BlockDtypeName,
  nRow: number,
  nCol: number,
  bytes: Uint8Array,
): QuantizedMatrix {
  const carry = CARRIERS[source]?.[target];
  if (carry === undefined) throw new RangeError(`carryMatrix: no way from ${source} to ${target}`);
  const { blockBytes, blockElements } = SOURCE_DTYPES[source];
  const nBlock = (nRow * nCol) / BLOCK_COLS;
  const to = {
    quants: new Uint8Array(nRow * nCol),
    scales: new Float32Array(nBlock),
    mins: new Float32Array(WITH_MIN.has(target) ? nBlock : 0),
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const step = blockElements / BLOCK_COLS;
  for (let block = 0; block < nBlock; block += step)
    carry(view, (block / step) * blockBytes, to, block);
  const { quants, scales, mins } = to;
  return { nRow, nCol, quants, scales, ...(WITH_MIN.has(target) ? { mins } : {}) };
}
