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

type BlockName = 'Q4' | 'Q4m' | 'Q5' | 'Q5m' | 'Q6' | 'Q6b' | 'Q7' | 'Q8';
type FloatName = 'F32' | 'F16' | 'Bf16';
const BLOCK_NAMES = {
  q4: 'Q4',
  q4m: 'Q4m',
  q5: 'Q5',
  q5m: 'Q5m',
  q6: 'Q6',
  q6b: 'Q6b',
  q7: 'Q7',
  q8: 'Q8',
} as const satisfies Partial<Record<WeightDtype, BlockName>>;
const FLOAT_NAMES = { f32: 'F32', f16: 'F16', bf16: 'Bf16' } as const satisfies Partial<
  Record<WeightDtype, FloatName>
>;

type Multiply = (
  w: WeightRef,
  x: Rows,
  nTok: number,
  y: number,
  yStride: number,
  add: number,
) => void;

function multiplyBlocks(kernels: KernelExports, name: BlockName): Multiply {
  const one = kernels[`matmul${name}One`];
  const many = kernels[`matmul${name}Many`];
  return (w, x, nTok, y, yStride, add) => {
    if (nTok === 1) one(w.address, w.rowsAddress, x.panels, y, w.nPanel, w.nGroup, add);
    else many(w.address, w.rowsAddress, x.panels, y, w.nPanel, w.nGroup, nTok, yStride, add);
  };
}

function multiplyFloats(kernels: KernelExports, name: FloatName): Multiply {
  const run = kernels[`matmul${name}`];
  return (w, x, nTok, y, yStride, add) =>
    run(w.address, x.address, y, w.nRow, w.nGroup, nTok, x.stride, yStride, add);
}

function mapValues<K extends string, V, R>(
  record: Record<K, V>,
  to: (value: V) => R,
): Record<K, R> {
  const entries = Object.entries<V>(record).map(([key, value]) => [key, to(value)]);
  return Object.fromEntries(entries) as Record<K, R>;
}

/** Is told of every product before it is made (calibration). */
export type ProductObserver = (w: WeightRef, x: Rows, nTok: number) => void;

/** Kernels are looked up once: nothing is allocated for a product. */
export class Ops {
  readonly kernels: KernelExports;
  observer: ProductObserver | null = null;
  readonly #multiply: Record<WeightDtype, Multiply>;
  readonly #quantize: KernelExports['quantizeRows'];
  readonly #quantizeCoarse: KernelExports['quantizeRows'];
  readonly #row: Record<WeightDtype, KernelExports['rowQ4']>;

  constructor(kernels: KernelExports) {
    this.kernels = kernels;
    this.#quantize = kernels.quantizeRows;
    this.#quantizeCoarse = kernels.quantizeRowsCoarse;
    this.#multiply = {
      ...mapValues(BLOCK_NAMES, (name) => multiplyBlocks(kernels, name)),
      ...mapValues(FLOAT_NAMES, (name) => multiplyFloats(kernels, name)),
    };
    this.#row = mapValues({ ...BLOCK_NAMES, ...FLOAT_NAMES }, (name) => kernels[`row${name}`]);
  }

  /** Rounds x to int8 panels, if any of the weights that will read it is of a block type. */
  quantize(x: Rows, nTok: number, w: WeightRef, second = w, third = w): void {
    if (!isBlock(w) && !isBlock(second) && !isBlock(third)) return;
    const nGroup = Math.ceil(w.nCol / BLOCK_COLS);
    const isCoarse = [w, second, third].some(({ dtype }) => dtype === 'q6b');
    const round = isCoarse ? this.#quantizeCoarse : this.#quantize;
    round(x.address, x.stride, nTok, nGroup, x.panels);
  }

  /** y = W x (or y += W x), y: [nTok, yStride]. For block types x must be quantized. */
  matmul(w: WeightRef, x: Rows, nTok: number, y: number, yStride: number, add = false): void {
    this.observer?.(w, x, nTok);
    this.#multiply[w.dtype](w, x, nTok, y, yStride, add ? 1 : 0);
  }

  /** Row `row` of W as f32 at `out` (room for the padded width). */
  row(w: WeightRef, row: number, out: number): void {
    this.#row[w.dtype](w.address, w.rowsAddress, row, w.nGroup, out);
  }
}

/** Whether a weight's products read rows that were rounded to int8. */
export function isBlock({ dtype }: WeightRef): boolean {
  return WEIGHT_DTYPES[dtype].kind === 'block';
}
