/**
 * Operations on rows of activations: shapes and dispatch by dtype, one table row per type.
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
  /** Address of their int8 form, for products with block types. */
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

/**
 * What an adapter adds to a product: (x A^T) B^T. Both are f32, row-major; or both f16, with B in panels of 8 rows,
 * [nRow / 8, rank, 8].
 */
export interface LowRankTerm {
  /** [rank, nCol], its rows padded with zeros to a multiple of 8; of f16 to one of 4. */
  readonly a: WeightRef;
  /** [nRow, rank] */
  readonly b: WeightRef;
}

/** Rows that follow each other and carry the same adapter. */
export interface AdaptedRun {
  readonly first: number;
  readonly n: number;
  readonly terms: ReadonlyMap<WeightRef, LowRankTerm>;
}

/** Called with every product before it is made (calibration). */
export type ProductObserver = (w: WeightRef, x: Rows, nTok: number) => void;

/** Kernels are looked up once: nothing is allocated for a product. */
export class Ops {
  readonly kernels: KernelExports;
  observer: ProductObserver | null = null;
  /** Which of the rows that products read carry an adapter; null when none does. */
  adapted: readonly AdaptedRun[] | null = null;
  /** Room for the products of rows with A. */
  readonly #lowRank: Pick<Rows, 'address' | 'stride'> | null;
  readonly #multiply: Record<WeightDtype, Multiply>;
  readonly #quantize: KernelExports['quantizeRows'];
  readonly #quantizeCoarse: KernelExports['quantizeRows'];
  readonly #row: Record<WeightDtype, KernelExports['rowQ4']>;

  /** @param lowRank room for rows of the largest rank, where there may be adapters */
  constructor(kernels: KernelExports, lowRank: Pick<Rows, 'address' | 'stride'> | null = null) {
    this.kernels = kernels;
    this.#lowRank = lowRank;
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
    if (this.adapted !== null) this.#addLowRank(this.adapted, w, x, y, yStride);
  }

  /** Keeps only `rows` (ascending): row i is from now on what row rows[i] was. */
  keepRows(rows: readonly number[]): void {
    this.adapted = this.adapted?.map((run) => keptRun(run, rows)) ?? null;
  }

  /** y += (x A^T) B^T for rows that carry an adapter of this weight. */
  #addLowRank(
    runs: readonly AdaptedRun[],
    w: WeightRef,
    x: Rows,
    y: number,
    yStride: number,
  ): void {
    const { kernels } = this;
    const { address, stride } = this.#lowRank!;
    for (const { first, n, terms } of runs) {
      const term = terms.get(w);
      if (term === undefined || n === 0) continue;
      const { a, b } = term;
      const from = x.address + first * x.stride * 4;
      const to = y + first * yStride * 4;
      if (a.dtype === 'f16') {
        kernels.addLowRank(
          a.address,
          b.address,
          from,
          address,
          to,
          a.nRow / 4,
          a.nGroup,
          b.nPanel,
          b.nCol,
          n,
          x.stride,
          stride,
          yStride,
        );
        continue;
      }
      kernels.matmulF32(a.address, from, address, a.nRow, a.nGroup, n, x.stride, stride, 0);
      kernels.matmulF32(b.address, address, to, b.nRow, b.nGroup, n, stride, yStride, 1);
    }
  }

  /** Row `row` of W as f32 at `out` (room for the padded width). */
  row(w: WeightRef, row: number, out: number): void {
    this.#row[w.dtype](w.address, w.rowsAddress, row, w.nGroup, out);
  }
}

function keptRun({ first, n, terms }: AdaptedRun, rows: readonly number[]): AdaptedRun {
  const before = rows.filter((row) => row < first).length;
  const within = rows.filter((row) => row >= first && row < first + n).length;
  return { first: before, n: within, terms };
}

/** Whether a weight's products read rows that were rounded to int8. */
export function isBlock({ dtype }: WeightRef): boolean {
  return WEIGHT_DTYPES[dtype].kind === 'block';
}
