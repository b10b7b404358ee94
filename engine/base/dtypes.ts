/**
 * The element types weights have once they are imported, as rows. A row fixes the bytes a matrix
 * takes; what the bytes mean is in engine/quant/layouts, how they are multiplied in engine/kernels.
 *
 * A matrix is logical [nRow, nCol], row-major, y = W x. Block types are stored in panels of 8 rows
 * by blocks of 32 columns, both padded with zeros.
 */

export const PANEL_ROWS = 8;
export const BLOCK_COLS = 32;
/** Columns of plain float types are padded to this, so that kernels never read a tail. */
export const FLOAT_COLS = 8;

export interface BlockDtype {
  readonly kind: 'block';
  /** Bytes of one panel block: 8 rows x 32 columns with their scales. */
  readonly blockBytes: number;
  /** Bytes for every (padded) row after the last block: the f32 row multiplier, or nothing. */
  readonly rowTailBytes: number;
}
export interface FloatDtype {
  readonly kind: 'float';
  readonly elementBytes: number;
}

export const WEIGHT_DTYPES = {
  /** 4 bits, w = d (q - 8): 128 nibble bytes, 8 x i16 scale; f32 multiplier a row. */
  q4: { kind: 'block', blockBytes: 144, rowTailBytes: 4 },
  /** 4 bits with minimum, w = d q + m: 128 nibble bytes, 8 x i16 scale, 8 x i16 minimum. */
  q4m: { kind: 'block', blockBytes: 160, rowTailBytes: 4 },
  /** 5 bits, w = d (q - 16): 160 bytes of quants, 8 x f16 scale. */
  q5: { kind: 'block', blockBytes: 176, rowTailBytes: 0 },
  /** 5 bits with minimum, w = d q + m: 160 bytes of quants, 8 x f16 scale, 8 x f16 minimum. */
  q5m: { kind: 'block', blockBytes: 192, rowTailBytes: 0 },
  /** 6 bits, w = d (q - 32): 192 bytes of quants, 8 x f16 scale. */
  q6: { kind: 'block', blockBytes: 208, rowTailBytes: 0 },
  /**
   * 81 steps in a byte each, w = d (q - 40): 256 bytes, 8 x i16 scale; f32 multiplier a row. Activations
   * multiplied with it have fewer steps, too (ops.ts): half again as fast as q7 on many rows.
   */
  q6b: { kind: 'block', blockBytes: 272, rowTailBytes: 4 },
  /** 7 bits in a byte each, w = d (q - 64): 256 bytes, 8 x f16 scale. As large as q8, half its work. */
  q7: { kind: 'block', blockBytes: 272, rowTailBytes: 0 },
  /** 8 bits, w = d (q - 128): 256 bytes, 8 x f16 scale. */
  q8: { kind: 'block', blockBytes: 272, rowTailBytes: 0 },
  f32: { kind: 'float', elementBytes: 4 },
  f16: { kind: 'float', elementBytes: 2 },
  bf16: { kind: 'float', elementBytes: 2 },
} as const satisfies Record<string, BlockDtype | FloatDtype>;

export type WeightDtype = keyof typeof WEIGHT_DTYPES;
export const WEIGHT_DTYPE_NAMES = Object.keys(WEIGHT_DTYPES) as WeightDtype[];

export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Bytes of a [nRow, nCol] matrix of `dtype` in kernel layout. */
export function matrixBytes(dtype: WeightDtype, nRow: number, nCol: number): number {
  const type: BlockDtype | FloatDtype = WEIGHT_DTYPES[dtype];
  if (type.kind === 'float') return nRow * roundUp(nCol, FLOAT_COLS) * type.elementBytes;
  const nPanel = Math.ceil(nRow / PANEL_ROWS);
  const nBlock = Math.ceil(nCol / BLOCK_COLS);
  return nPanel * (nBlock * type.blockBytes + PANEL_ROWS * type.rowTailBytes);
}
