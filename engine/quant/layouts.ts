/**
 * Kernel layouts of weight matrices: packing at import, unpacking for references and tests.
 * Knows bytes only. Layout letters as in engine/base/dtypes.ts: panels of 8 rows, blocks of 32
 * columns; within a panel the blocks follow each other, so that a product reads one ascending
 * stream. How quants share bytes is in block-bytes.ts. Row multipliers of q4, q4m and q6b come after the last panel.
 */
import {
  BLOCK_COLS,
  FLOAT_COLS,
  matrixBytes,
  PANEL_ROWS,
  roundUp,
  WEIGHT_DTYPES,
} from '../base/dtypes.ts';
import type { WeightDtype } from '../base/dtypes.ts';
import { QUANT_READERS, QUANT_WRITERS, QUANT_ZERO } from './block-bytes.ts';
import type { BlockDtypeName } from './block-bytes.ts';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from './half.ts';

/** A row-major matrix of quantized integers with per-block numbers, before it is packed. */
export interface QuantizedMatrix {
  readonly nRow: number;
  readonly nCol: number;
  /** Unsigned quants, [nRow, nCol]. */
  readonly quants: Uint8Array;
  /** d of each block, [nRow, ceil(nCol/32)]. */
  readonly scales: Float32Array;
  /** m of each block (types with a minimum only). */
  readonly mins?: Float32Array;
}

/** What the packed form lost, if anything. */
export interface PackReport {
  /** Blocks whose scale or minimum is not bit-equal to the one given. */
  readonly inexactBlocks: number;
  readonly blocks: number;
}

/** Largest q of each block type. */
export const QUANT_MAX = {
  q4: 15,
  q4m: 15,
  q5: 31,
  q5m: 31,
  q6: 63,
  q6b: 80,
  q7: 127,
  q8: 255,
} as const;

/** Types of w = d q + m. */
export const WITH_MIN: ReadonlySet<BlockDtypeName> = new Set(['q4m', 'q5m']);

/**
 * i16 bounds of stored scales. q4: pair sums of 2 x 16,256 times the scale stay below 2^31.
 * q6b: pair sums of 2 x 32,640 times the scale.
 * q4m: 2 x 30,480 x scale + 2 x 32,512 x minimum < 2^31 holds up to 16,376 each.
 */
const SCALE_MAX = { q4: 32752, q4m: 16376, q6b: 32752 } as const;
type RowScaled = keyof typeof SCALE_MAX;

function isRowScaled(name: string): name is RowScaled {
  return Object.hasOwn(SCALE_MAX, name);
}
/** Minimums are stored against 16 times the row multiplier; the kernel multiplies pair sums by 16. */
export const MIN_MULTIPLIER = 16;

/** Bytes of a block before its scales. */
const QUANT_BYTES = {
  q4: 128,
  q4m: 128,
  q5: 160,
  q5m: 160,
  q6: 192,
  q6b: 256,
  q7: 256,
  q8: 256,
} as const;

/** Packs quantized integers into `dtype`'s kernel layout. */
export function packBlocks(
  dtype: BlockDtypeName,
  matrix: QuantizedMatrix,
): { bytes: Uint8Array; report: PackReport } {
  const { nRow, nCol } = matrix;
  const bytes = new Uint8Array(matrixBytes(dtype, nRow, nCol));
  const view = new DataView(bytes.buffer);
  const nBlock = Math.ceil(nCol / BLOCK_COLS);
  const blockBytes = WEIGHT_DTYPES[dtype].blockBytes;
  const putQuants = QUANT_WRITERS[dtype];
  // One for all blocks: a file has millions.
  const q = new Uint8Array(BLOCK_COLS);
  for (let row = 0; row < nRow; row++) {
    const base = Math.floor(row / PANEL_ROWS) * nBlock * blockBytes;
    for (let block = 0; block < nBlock; block++) {
      copyBlock(matrix, row, block, QUANT_ZERO[dtype], q);
      putQuants(bytes, base + block * blockBytes, row % PANEL_ROWS, q);
    }
  }
  const report = isRowScaled(dtype)
    ? packRowScaled(dtype, matrix, view)
    : packHalfScaled(dtype, matrix, view);
  return { bytes, report };
}

/** Packs plain values: rows padded with zeros to 8 columns. */
export function packFloats(
  dtype: 'f32' | 'f16' | 'bf16',
  nRow: number,
  nCol: number,
  values: Float32Array,
): Uint8Array {
  const bytes = new Uint8Array(matrixBytes(dtype, nRow, nCol));
  const stride = roundUp(nCol, FLOAT_COLS);
  if (dtype === 'f32') {
    const out = new Float32Array(bytes.buffer);
    for (let row = 0; row < nRow; row++)
      out.set(values.subarray(row * nCol, (row + 1) * nCol), row * stride);
    return bytes;
  }
  const out = new Uint16Array(bytes.buffer);
  const encode = dtype === 'f16' ? f32ToF16 : f32ToBf16;
  for (let row = 0; row < nRow; row++)
    for (let col = 0; col < nCol; col++)
      out[row * stride + col] = encode(values[row * nCol + col] ?? 0);
  return bytes;
}

/** Dequantizes a packed matrix back to row-major f32 [nRow, nCol]. The plain reference of every kernel. */
export function unpackMatrix(
  dtype: WeightDtype,
  nRow: number,
  nCol: number,
  bytes: Uint8Array,
): Float32Array {
  const out = new Float32Array(nRow * nCol);
  for (let row = 0; row < nRow; row++)
    unpackRow(dtype, nRow, nCol, bytes, row, out.subarray(row * nCol));
  return out;
}

/** Dequantizes row `row` of a packed matrix into `out` (nCol values). */
export function unpackRow(
  dtype: WeightDtype,
  nRow: number,
  nCol: number,
  bytes: Uint8Array,
  row: number,
  out: Float32Array,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = WEIGHT_DTYPES[dtype];
  if (type.kind === 'float') {
    const at = row * roundUp(nCol, FLOAT_COLS) * type.elementBytes;
    for (let col = 0; col < nCol; col++)
      out[col] = FLOAT_READERS[dtype as 'f32'](view, at + col * type.elementBytes);
    return;
  }
  const name = dtype as BlockDtypeName;
  const nBlock = Math.ceil(nCol / BLOCK_COLS);
  const base = Math.floor(row / PANEL_ROWS) * nBlock * type.blockBytes;
  const j = row % PANEL_ROWS;
  for (let block = 0; block < nBlock; block++) {
    const at = base + block * type.blockBytes;
    const { d, m } = blockNumbers(name, nRow, nBlock, view, at, row, j);
    for (let k = 0; k < BLOCK_COLS && block * BLOCK_COLS + k < nCol; k++) {
      const q = QUANT_READERS[name](bytes, at, j, k);
      out[block * BLOCK_COLS + k] = Math.fround(d * q + m);
    }
  }
}

/** d and m of w = d q + m for one block of one row. */
function blockNumbers(
  name: BlockDtypeName,
  nRow: number,
  nBlock: number,
  view: DataView,
  at: number,
  row: number,
  j: number,
): { d: number; m: number } {
  const blockBytes = WEIGHT_DTYPES[name].blockBytes;
  const scales = at + QUANT_BYTES[name] + j * 2;
  if (!isRowScaled(name)) {
    const d = f16ToF32(view.getUint16(scales, true));
    if (WITH_MIN.has(name)) return { d, m: f16ToF32(view.getUint16(scales + 16, true)) };
    return { d, m: -QUANT_ZERO[name] * d };
  }
  const tail = Math.ceil(nRow / PANEL_ROWS) * nBlock * blockBytes;
  const multiplier = view.getFloat32(tail + row * 4, true);
  const d = view.getInt16(scales, true) * multiplier;
  if (name !== 'q4m') return { d, m: -QUANT_ZERO[name] * d };
  const m = view.getInt16(scales + 16, true) * multiplier * MIN_MULTIPLIER;
  return { d, m };
}

/** The quants of one block into `out`, padded with zeros' quant. */
function copyBlock(
  { quants, nCol }: QuantizedMatrix,
  row: number,
  block: number,
  zero: number,
  out: Uint8Array,
): void {
  const start = block * BLOCK_COLS;
  const n = Math.min(BLOCK_COLS, nCol - start);
  const at = row * nCol + start;
  for (let k = 0; k < n; k++) out[k] = quants[at + k]!;
  out.fill(zero, n);
}

const FLOAT_READERS = {
  f32: (view: DataView, at: number) => view.getFloat32(at, true),
  f16: (view: DataView, at: number) => f16ToF32(view.getUint16(at, true)),
  bf16: (view: DataView, at: number) => bf16ToF32(view.getUint16(at, true)),
};

/**
 * i16 scales against a power-of-two multiplier a row: an f16 scale has 11 significant bits, so every
 * scale within a factor of 16 (q4, q6b) or 8 (q4m) of the row's largest is kept to the last bit.
 */
function packRowScaled(name: RowScaled, matrix: QuantizedMatrix, view: DataView): PackReport {
  const { nRow, scales, mins } = matrix;
  const nBlock = Math.ceil(matrix.nCol / BLOCK_COLS);
  const blockBytes = WEIGHT_DTYPES[name].blockBytes;
  const tail = Math.ceil(nRow / PANEL_ROWS) * nBlock * blockBytes;
  let inexactBlocks = 0;
  for (let row = 0; row < nRow; row++) {
    const rowScales = scales.subarray(row * nBlock, (row + 1) * nBlock);
    const rowMins = mins?.subarray(row * nBlock, (row + 1) * nBlock);
    let largest = 0;
    for (const d of rowScales) largest = Math.max(largest, Math.abs(d));
    for (const m of rowMins ?? []) largest = Math.max(largest, Math.abs(m) / MIN_MULTIPLIER);
    const multiplier = powerOfTwoAbove(largest / SCALE_MAX[name]);
    view.setFloat32(tail + row * 4, multiplier, true);
    const base =
      Math.floor(row / PANEL_ROWS) * nBlock * blockBytes +
      QUANT_BYTES[name] +
      (row % PANEL_ROWS) * 2;
    for (let block = 0; block < nBlock; block++) {
      const d = rowScales[block]!;
      const m = rowMins?.[block] ?? 0;
      const dInt = Math.round(d / multiplier);
      const mInt = Math.round(m / (multiplier * MIN_MULTIPLIER));
      view.setInt16(base + block * blockBytes, dInt, true);
      if (name === 'q4m') view.setInt16(base + block * blockBytes + 16, mInt, true);
      if (dInt * multiplier !== d || mInt * multiplier * MIN_MULTIPLIER !== m) inexactBlocks++;
    }
  }
  return { inexactBlocks, blocks: nRow * nBlock };
}

function packHalfScaled(
  dtype: BlockDtypeName,
  matrix: QuantizedMatrix,
  view: DataView,
): PackReport {
  const nBlock = Math.ceil(matrix.nCol / BLOCK_COLS);
  const blockBytes = WEIGHT_DTYPES[dtype].blockBytes;
  let inexactBlocks = 0;
  const put = (at: number, value: number): boolean => {
    const half = f32ToF16(value);
    view.setUint16(at, half, true);
    return f16ToF32(half) === value;
  };
  for (let row = 0; row < matrix.nRow; row++) {
    const panel = Math.floor(row / PANEL_ROWS) * nBlock * blockBytes;
    const scales = panel + QUANT_BYTES[dtype] + (row % PANEL_ROWS) * 2;
    for (let block = 0; block < nBlock; block++) {
      const at = scales + block * blockBytes;
      let exact = put(at, matrix.scales[row * nBlock + block]!);
      if (WITH_MIN.has(dtype))
        exact = put(at + 16, matrix.mins?.[row * nBlock + block] ?? 0) && exact;
      if (!exact) inexactBlocks++;
    }
  }
  return { inexactBlocks, blocks: matrix.nRow * nBlock };
}

/** The smallest power of two >= x, within f32's normal range. */
function powerOfTwoAbove(x: number): number {
  if (x <= 0) return 1;
  return 2 ** Math.max(-120, Math.ceil(Math.log2(x)));
}
