/**
 * Eyes of an adapter beside an image encoder: vectors of a picture as rows that a language model reads in place of tokens,
 * y = norm(W2 silu(W1 x + b1) + place) gain. They lie in a region of the encoder's plan, one pair of eyes at a time.
 */
import { FLOAT_COLS, matrixBytes, roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import type { KernelExports } from '../../kernels/wasm/module.ts';
import type { Ops, Rows } from '../../ops/ops.ts';
import { weightRef } from '../../ops/weights.ts';
import { rowStride } from '../memory/layout.ts';

export interface EyesSizes {
  /** Vectors a side of the grid that a picture becomes. */
  readonly grid: number;
  /** Values of a vector, as many as the encoder has channels. */
  readonly nFeature: number;
  readonly nHidden: number;
  /** Values of a row, as many as the language model's are wide. */
  readonly nEmbd: number;
}

/** Matrices row by row, halves as their bits. */
export interface EyesTensors extends EyesSizes {
  /** Of the last norm. */
  readonly normEps: number;
  /** [nFeature]: what a vector's values lose, and are divided by. */
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
  /** [nHidden, nFeature] */
  readonly hidden: Uint16Array;
  /** [nHidden] */
  readonly hiddenBias: Float32Array;
  /** [nEmbd, nHidden] */
  readonly out: Uint16Array;
  /** [grid * grid, nEmbd] */
  readonly positions: Float32Array;
  /** [nEmbd] */
  readonly gain: Float32Array;
}

/** Eyes that can be read wherever their encoder is. */
export interface EyesSource {
  /** Name and content: another file under the same name is another pair of eyes. */
  readonly id: string;
  readonly regionBytes: number;
  load(): Promise<EyesTensors>;
}

const PARTS = ['hidden', 'hiddenBias', 'out', 'gain', 'vectors', 'inside', 'rows'] as const;
type PartName = (typeof PARTS)[number];
const ALIGN_BYTES = 64;

/** Bytes of each part of the region. */
function partBytes({ grid, nFeature, nHidden, nEmbd }: EyesSizes): Record<PartName, number> {
  const nVector = grid * grid;
  return {
    ...{ hidden: matrixBytes('f16', nHidden, nFeature), hiddenBias: rowStride(nHidden) * 4 },
    ...{ out: matrixBytes('f16', nEmbd, nHidden), gain: rowStride(nEmbd) * 4 },
    vectors: nVector * rowStride(nFeature) * 4,
    inside: nVector * rowStride(nHidden) * 4,
    rows: nVector * rowStride(nEmbd) * 4,
  };
}

/** Bytes that eyes take beside their encoder. */
export function eyesBytes(sizes: EyesSizes): number {
  return Object.values(partBytes(sizes)).reduce(
    (sum, bytes) => sum + roundUp(bytes, ALIGN_BYTES),
    0,
  );
}

export class PictureProjector {
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: KernelExports;
  readonly #ops: Ops;
  readonly #region: { readonly address: number; readonly bytes: number };
  #held: { readonly id: string; readonly eyes: EyesTensors } | null = null;

  constructor(
    memory: WebAssembly.Memory,
    kernels: KernelExports,
    ops: Ops,
    region: { readonly address: number; readonly bytes: number },
  ) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.#ops = ops;
    this.#region = region;
  }

  /** The eyes that are in memory; null for none. */
  get held(): { readonly id: string; readonly eyes: EyesSizes } | null {
    return this.#held;
  }

  /** Takes the place of the eyes before. @throws {EngineError} E_MEMORY_BUDGET when the plan has too little room */
  hold(id: string, eyes: EyesTensors): void {
    const needed = eyesBytes(eyes);
    if (needed > this.#region.bytes)
      throw new EngineError(
        'E_MEMORY_BUDGET',
        `adapter ${id}: its eyes take ${needed} bytes, the plan of their encoder has ${this.#region.bytes}. Load the encoder again.`,
        { details: { needed, bytes: this.#region.bytes } },
      );
    const { nFeature, nHidden, nEmbd, hidden, hiddenBias, out, gain } = eyes;
    const at = this.#places(eyes);
    this.#held = null;
    this.#writeHalves(hidden, nHidden, nFeature, at.hidden);
    this.#writeHalves(out, nEmbd, nHidden, at.out);
    this.#writeRow(hiddenBias, at.hiddenBias);
    this.#writeRow(gain, at.gain);
    this.#held = { id, eyes };
  }

  /**
   * @param vectors [grid * grid, nFeature] as the encoder gives them @returns [grid * grid, nEmbd]
   * @throws {EngineError} E_INTERNAL for other vectors, or when no eyes are held
   */
  project(vectors: Float32Array): Float32Array {
    const eyes = this.#held?.eyes;
    if (eyes?.grid === undefined || vectors.length !== eyes.grid ** 2 * eyes.nFeature)
      throw new EngineError('E_INTERNAL', `eyes: ${vectors.length} values for what is held`);
    const { nFeature, nHidden, nEmbd, normEps } = eyes;
    const n = eyes.grid ** 2;
    const at = this.#places(eyes);
    const input = this.#rows(at.vectors, nFeature);
    const inside = this.#rows(at.inside, nHidden);
    const rows = this.#rows(at.rows, nEmbd);
    this.#writeVectors(vectors, eyes, input);
    // Products read rows in whole groups: nothing that is not a number may stand after the values.
    for (const { address, stride } of [inside, rows])
      new Float32Array(this.#memory.buffer, address, n * stride).fill(0);
    this.#ops.matmul(
      weightRef('f16', nHidden, nFeature, at.hidden),
      input,
      n,
      inside.address,
      inside.stride,
    );
    this.#kernels.addBias(inside.address, at.hiddenBias, nHidden, n, inside.stride);
    this.#kernels.siluRow(inside.address, inside.address, n * inside.stride);
    this.#ops.matmul(
      weightRef('f16', nEmbd, nHidden, at.out),
      inside,
      n,
      rows.address,
      rows.stride,
    );
    const made = new Float32Array(this.#memory.buffer, rows.address, n * rows.stride);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < nEmbd; c++) made[i * rows.stride + c]! += eyes.positions[i * nEmbd + c]!;
    this.#kernels.rmsNormRows(rows.address, at.gain, rows.address, nEmbd, n, rows.stride, normEps);
    const result = new Float32Array(n * nEmbd);
    for (let i = 0; i < n; i++)
      result.set(made.subarray(i * rows.stride, i * rows.stride + nEmbd), i * nEmbd);
    return result;
  }

  #places(sizes: EyesSizes): Record<PartName, number> {
    const bytes = partBytes(sizes);
    let at = this.#region.address;
    const places = PARTS.map((name) => {
      const place = [name, at] as const;
      at += roundUp(bytes[name], ALIGN_BYTES);
      return place;
    });
    return Object.fromEntries(places) as Record<PartName, number>;
  }

  #rows(address: number, width: number): Rows {
    // Floats are multiplied as they are: nothing is rounded into panels.
    return { address, stride: rowStride(width), panels: 0 };
  }

  #writeVectors(vectors: Float32Array, { nFeature, mean, deviation }: EyesTensors, to: Rows): void {
    const n = vectors.length / nFeature;
    const rows = new Float32Array(this.#memory.buffer, to.address, n * to.stride).fill(0);
    for (let i = 0; i < n; i++)
      for (let c = 0; c < nFeature; c++)
        rows[i * to.stride + c] = (vectors[i * nFeature + c]! - mean[c]!) / deviation[c]!;
  }

  #writeHalves(values: Uint16Array, nRow: number, nCol: number, address: number): void {
    const stride = roundUp(nCol, FLOAT_COLS);
    const into = new Uint16Array(this.#memory.buffer, address, nRow * stride).fill(0);
    for (let row = 0; row < nRow; row++)
      into.set(values.subarray(row * nCol, (row + 1) * nCol), row * stride);
  }

  #writeRow(values: Float32Array, address: number): void {
    const padded = rowStride(values.length);
    new Float32Array(this.#memory.buffer, address, padded).fill(0).set(values);
  }
}
