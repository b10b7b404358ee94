/**
 * Operations on rows of activations: shapes and dispatch by dtype, one table row a type.
 * Knows kernels by name only, and no models.
 */
import { BLOCK_COLS, WEIGHT_DTYPES } from '../base/dtypes.ts';
import type { WeightDtype } from '../base/dtypes.ts';
import type { KernelExports } from '../kernels/wasm/module.ts';
import type { WeightRef } from './weights.ts';

/** Bytes of one quantized block of 32 activations (engine/kernels/wasm/assembly/quantize.ts). */
export const PANEL_BLOCK_BYTES = 176;
/** Tokens for which a product unpacks its weights once; what is left over makes a smaller tile. */
export const TILE_TOKENS = 4;

/** Rows of f32 activations, [capacity, stride], stride a multiple of 32 and padding zero. */
export interface Rows {
  readonly address: number;
  readonly stride: number;
  /** Where their int8 form goes, when a block product reads them. */
  readonly panels: number;
}

export function panelBytes(nTok: number, width: number): number {
  return nTok * Math.ceil(width / BLOCK_COLS) * PANEL_BLOCK_BYTES;
}

type BlockName = 'Q4' | 'Q4m' | 'Q6' | 'Q8';
type FloatName = 'F32' | 'F16' | 'Bf16';
const KERNEL_NAMES: Record<WeightDtype, BlockName | FloatName> = {
  q4: 'Q4',
  q4m: 'Q4m',
  q6: 'Q6',
  q8: 'Q8',
  f32: 'F32',
  f16: 'F16',
  bf16: 'Bf16',
};

/** Is told of every product before it is made (calibration). */
export type ProductObserver = (w: WeightRef, x: Rows, nTok: number) => void;

export class Ops {
  readonly kernels: KernelExports;
  observer: ProductObserver | null = null;

  constructor(kernels: KernelExports) {
    this.kernels = kernels;
  }

  /** Rounds x to int8 panels, if any of the weights that will read it is of a block type. */
  quantize(x: Rows, nTok: number, readers: readonly WeightRef[]): void {
    const reader = readers.find(({ dtype }) => WEIGHT_DTYPES[dtype].kind === 'block');
    if (reader === undefined) return;
    this.kernels.quantizeRows(x.address, x.stride, nTok, reader.nGroup, x.panels);
  }

  /** y = W x (or y += W x), y: [nTok, yStride]. For block types x must be quantized. */
  matmul(w: WeightRef, x: Rows, nTok: number, y: number, yStride: number, add = false): void {
    const { kernels } = this;
    this.observer?.(w, x, nTok);
    const name = KERNEL_NAMES[w.dtype];
    const adds = add ? 1 : 0;
    if (WEIGHT_DTYPES[w.dtype].kind === 'float') {
      const run = kernels[`matmul${name as FloatName}`];
      run(w.address, x.address, y, w.nRow, w.nGroup, nTok, x.stride, yStride, adds);
    } else if (nTok === 1) {
      const run = kernels[`matmul${name as BlockName}One`];
      run(w.address, w.rowsAddress, x.panels, y, w.nPanel, w.nGroup, adds);
    } else {
      const run = kernels[`matmul${name as BlockName}Many`];
      run(w.address, w.rowsAddress, x.panels, y, w.nPanel, w.nGroup, nTok, yStride, adds);
    }
  }

  /** Row `row` of W as f32 at `out` (room for the padded width). */
  row(w: WeightRef, row: number, out: number): void {
    this.kernels[`row${KERNEL_NAMES[w.dtype]}`](w.address, w.rowsAddress, row, w.nGroup, out);
  }
}
