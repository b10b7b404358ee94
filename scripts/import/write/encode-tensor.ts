/**
 * One tensor of a file in kernel layout, a chunk of rows at a time, so that the largest embedding
 * takes no more memory than a layer.
 */
import {
  FLOAT_COLS,
  matrixBytes,
  PANEL_ROWS,
  roundUp,
  WEIGHT_DTYPES,
} from '../../../engine/base/dtypes.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { invalidFile, readRange } from '../../../engine/formats/byte-source.ts';
import { SOURCE_DTYPES, sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { canCarry, carryMatrix } from '../../../engine/quant/carry-over.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { packBlocks, packFloats } from '../../../engine/quant/layouts.ts';
import type { QuantizedMatrix } from '../../../engine/quant/layouts.ts';
import type { BlockDtypeName } from '../../../engine/quant/block-bytes.ts';
import { quantizeMatrix } from '../../../engine/quant/quantize.ts';
import type { PlannedTensor } from './shard-plan.ts';

/** Values processed at once: 8 MB as floats. */
const CHUNK_VALUES = 2 * 1024 * 1024;

/** What a tensor lost, or a slice of one. */
export interface TensorReport {
  /** Every value equals the file's to the last bit. */
  readonly exact: boolean;
  /** Blocks whose numbers were rounded on the way (all of them when re-encoded). */
  readonly inexactBlocks: number;
  readonly blocks: number;
}
interface Chunk {
  readonly nRow: number;
  readonly nCol: number;
  readonly bytes: Uint8Array;
  readonly columnWeights: Float32Array | null;
}
interface EncodedChunk {
  readonly bytes: Uint8Array;
  readonly inexactBlocks: number;
  readonly blocks: number;
}

/**
 * Writes the planned tensor's `bytes` bytes in order.
 * @throws {EngineError} E_FORMAT_INVALID when the file holds infinities or NaN.
 */
export async function encodeTensor(
  planned: PlannedTensor,
  write: (bytes: Uint8Array, sourceBytes: number) => Promise<void>,
): Promise<TensorReport> {
  const { tensor, dtype } = planned;
  const [tensorRows, nCol] = planned.instance.shape;
  const { firstRow, nRow } = planned.slice ?? { firstRow: 0, nRow: tensorRows };
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_VALUES / nCol / PANEL_ROWS)) * PANEL_ROWS;
  const rowBytes = sourceBytes(tensor.dtype, nCol);
  const tails: Uint8Array[] = [];
  let inexactBlocks = 0;
  let blocks = 0;
  for (let row = 0; row < nRow; row += rowsAtOnce) {
    const n = Math.min(rowsAtOnce, nRow - row);
    const bytes = await readRange(
      tensor.source,
      tensor.offset + (firstRow + row) * rowBytes,
      n * rowBytes,
      tensor.name,
    );
    const where = `${tensor.source.name}: tensor ${tensor.name}`;
    const chunk = { nRow: n, nCol, bytes, columnWeights: planned.columnWeights };
    const encoded = encodeChunk(where, tensor.dtype, dtype, chunk);
    const tailBytes = rowTailBytes(dtype, n);
    const bodyBytes = encoded.bytes.byteLength - tailBytes;
    tails.push(encoded.bytes.subarray(bodyBytes));
    await write(encoded.bytes.subarray(0, bodyBytes), bytes.byteLength);
    inexactBlocks += encoded.inexactBlocks;
    blocks += encoded.blocks;
  }
  // The row multipliers of all chunks come after the last panel.
  for (const tail of tails) if (tail.byteLength > 0) await write(tail, 0);
  return { exact: inexactBlocks === 0, inexactBlocks, blocks };
}

function rowTailBytes(dtype: WeightDtype, nRow: number): number {
  const type = WEIGHT_DTYPES[dtype];
  return type.kind === 'block' ? roundUp(nRow, PANEL_ROWS) * type.rowTailBytes : 0;
}

function encodeChunk(
  where: string,
  source: SourceDtype,
  target: WeightDtype,
  chunk: Chunk,
): EncodedChunk {
  if (source.toLowerCase() === target) return copyFloats(where, source, target, chunk);
  if (canCarry(source, target)) return carry(where, source, target, chunk);
  const { nRow, nCol, columnWeights } = chunk;
  const values = dequantize(source, chunk.bytes);
  checkFinite(where, values);
  if (target === 'f32') {
    return { bytes: packFloats(target, nRow, nCol, values), inexactBlocks: 0, blocks: 1 };
  }
  if (target === 'f16' || target === 'bf16')
    throw new RangeError(`${where}: cannot be converted to ${target}`);
  const matrix = quantizeMatrix(target, nRow, nCol, values, columnWeights);
  const { bytes, report } = packBlocks(target, matrix);
  return { bytes, inexactBlocks: report.blocks, blocks: report.blocks };
}

function carry(
  where: string,
  source: SourceDtype,
  target: BlockDtypeName,
  chunk: Chunk,
): EncodedChunk {
  const { nRow, nCol, bytes } = chunk;
  const matrix: QuantizedMatrix = carryMatrix(source, target, nRow, nCol, bytes);
  checkFinite(where, matrix.scales);
  if (matrix.mins !== undefined) checkFinite(where, matrix.mins);
  const packed = packBlocks(target, matrix);
  return { bytes: packed.bytes, ...packed.report };
}

/** The same float type: rows are copied as bytes, padded to what kernels read at once. */
function copyFloats(
  where: string,
  source: SourceDtype,
  target: WeightDtype,
  chunk: Chunk,
): EncodedChunk {
  const { nRow, nCol, bytes } = chunk;
  checkFiniteBits(where, source, bytes);
  const { blockBytes } = SOURCE_DTYPES[source];
  const out = new Uint8Array(matrixBytes(target, nRow, nCol));
  const stride = roundUp(nCol, FLOAT_COLS) * blockBytes;
  const rowBytes = nCol * blockBytes;
  for (let row = 0; row < nRow; row++) {
    out.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), row * stride);
  }
  return { bytes: out, inexactBlocks: 0, blocks: 1 };
}

function checkFinite(where: string, values: Float32Array): void {
  // Every value of a file passes here: a callback for each costs more than the check.
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]))
      throw invalidFile(where, 'holds infinities or NaN', 'finite numbers', { value: values[i] });
  }
}

/** Bits of the exponent, all set in infinities and NaN; of the upper half of an F32. */
const EXPONENT_MASKS: Partial<Record<SourceDtype, number>> = {
  F32: 0x7f80,
  BF16: 0x7f80,
  F16: 0x7c00,
};

function checkFiniteBits(where: string, source: SourceDtype, bytes: Uint8Array): void {
  const mask = EXPONENT_MASKS[source] ?? 0;
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  const step = source === 'F32' ? 2 : 1;
  for (let i = step - 1; i < words.length; i += step) {
    if ((words[i]! & mask) === mask)
      throw invalidFile(where, 'holds infinities or NaN', 'finite numbers', {
        index: Math.floor(i / step),
      });
  }
}
