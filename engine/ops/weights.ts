/** Where a weight lies in the kernels' memory. */
import { BLOCK_COLS, FLOAT_COLS, PANEL_ROWS, WEIGHT_DTYPES } from '../base/dtypes.ts';
import type { WeightDtype } from '../base/dtypes.ts';

export interface WeightRef {
  readonly dtype: WeightDtype;
  readonly nRow: number;
  readonly nCol: number;
  readonly address: number;
  /** Row multipliers of q4, q4m and q6b, after the panels. */
  readonly rowsAddress: number;
  readonly nPanel: number;
  /** Blocks of 32 columns (block types) or groups of 8 (float types). */
  readonly nGroup: number;
}

export function weightRef(
  dtype: WeightDtype,
  nRow: number,
  nCol: number,
  address: number,
): WeightRef {
  const type = WEIGHT_DTYPES[dtype];
  const nPanel = Math.ceil(nRow / PANEL_ROWS);
  if (type.kind === 'float') {
    const nGroup = Math.ceil(nCol / FLOAT_COLS);
    return { dtype, nRow, nCol, address, rowsAddress: 0, nPanel, nGroup };
  }
  const nGroup = Math.ceil(nCol / BLOCK_COLS);
  const rowsAddress = address + nPanel * nGroup * type.blockBytes;
  return { dtype, nRow, nCol, address, rowsAddress, nPanel, nGroup };
}
