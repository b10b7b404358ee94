/**
 * Low-rank adapters (LoRA, arXiv 2106.09685) in the kernels' memory: each adds scale * (x A^T) B^T to
 * products of the layers, for the rows of a pass that carry it. They lie in a region of the plan
 * (`adapterBytes`) and stay as long as the decoder does.
 */
import { FLOAT_COLS, matrixBytes, roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import type { AdaptedRun, LowRankTerm } from '../../ops/ops.ts';
import { weightRef } from '../../ops/weights.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { packFloats } from '../../quant/layouts.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import type { AdapterHandle } from './contract.ts';
import { MAX_ADAPTER_RANK } from './plan.ts';
import type { MemoryPlan } from './plan.ts';

/** Weights that can be adapted: their products cover every row of a pass, in its order. */
const ADAPTABLE = /^layers\.\d+\.(?:q|k|v|o|gate|up|down)Proj$/;
/** Alignment of every matrix, as kernels need it. */
const ALIGN_BYTES = 64;

/** Row-major f32: `a` [rank, nCol], `b` [nRow, rank]. */
export interface AdapterPair {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

export interface AdapterTensors {
  readonly id: string;
  readonly rank: number;
  /** Factor of what the adapter adds; alpha / rank in most files. */
  readonly scale: number;
  /** Matrices by the name of the weight, such as `layers.0.qProj`. */
  readonly pairs: ReadonlyMap<string, AdapterPair>;
}

/** Rows of a part and their adapter. */
interface CarryingRows {
  readonly nRow: number;
  readonly adapter: AdapterHandle | null;
}

export class Adapters {
  readonly #plan: MemoryPlan;
  readonly #weights: WeightMap;
  readonly #memory: WebAssembly.Memory;
  readonly #terms = new Map<string, ReadonlyMap<WeightRef, LowRankTerm>>();
  #usedBytes = 0;

  constructor(plan: MemoryPlan, weights: WeightMap, memory: WebAssembly.Memory) {
    this.#plan = plan;
    this.#weights = weights;
    this.#memory = memory;
  }

  /**
   * @throws {EngineError} E_REQUEST_INVALID for an id that is taken or a rank that is too large,
   *   E_TENSOR_MISSING for a weight that cannot be adapted, E_TENSOR_SHAPE, E_MEMORY_BUDGET; then nothing
   *   is held.
   */
  add(adapter: AdapterTensors): AdapterHandle {
    const { id, rank, pairs } = adapter;
    if (this.#terms.has(id)) throw invalid(`adapter: the id "${id}" is taken`, { id });
    if (!Number.isInteger(rank) || rank < 1 || rank > MAX_ADAPTER_RANK)
      throw invalid(`adapter ${id}: rank ${rank}; expected 1 to ${MAX_ADAPTER_RANK}`, { id, rank });
    const targets = [...pairs].map(([name, pair]) => ({
      pair,
      weight: this.#target(adapter, name, pair),
    }));
    this.#checkRoom(
      id,
      rank,
      targets.map(({ weight }) => weight),
    );
    this.#terms.set(
      id,
      new Map(targets.map(({ weight, pair }) => [weight, this.#write(adapter, weight, pair)])),
    );
    return { id };
  }

  /**
   * Runs of rows that carry an adapter; null when none does.
   * @throws {EngineError} E_INTERNAL for one that is not held.
   */
  runsOf(parts: readonly CarryingRows[]): readonly AdaptedRun[] | null {
    if (parts.every(({ adapter }) => adapter === null)) return null;
    let first = 0;
    return parts.flatMap(({ nRow, adapter }) => {
      first += nRow;
      if (adapter === null) return [];
      const terms = this.#terms.get(adapter.id);
      if (terms === undefined)
        throw new EngineError('E_INTERNAL', `forward: no adapter "${adapter.id}" is held`);
      return [{ first: first - nRow, n: nRow, terms }];
    });
  }

  #target({ id, rank }: AdapterTensors, name: string, { a, b }: AdapterPair): WeightRef {
    const weight = ADAPTABLE.test(name) ? this.#weights.get(name) : undefined;
    if (weight === undefined)
      throw new EngineError(
        'E_TENSOR_MISSING',
        `adapter ${id}: ${name} cannot be adapted; expected projections of this model's layers. Use an adapter made for it.`,
        { details: { id, name } },
      );
    const { nRow, nCol } = weight;
    if (a.length !== rank * nCol || b.length !== nRow * rank)
      throw new EngineError(
        'E_TENSOR_SHAPE',
        `adapter ${id}: ${name}: expected [${rank}, ${nCol}] and [${nRow}, ${rank}], ` +
          `got ${a.length} and ${b.length} values. Use an adapter made for this model.`,
        { details: { id, name, rank, nRow, nCol, a: a.length, b: b.length } },
      );
    return weight;
  }

  #checkRoom(id: string, rank: number, targets: readonly WeightRef[]): void {
    const { bytes } = this.#plan.regions.adapters;
    const needed = targets.reduce((sum, { nRow, nCol }) => {
      return sum + regionBytes(paddedRank(rank), nCol) + regionBytes(nRow, rank);
    }, this.#usedBytes);
    if (needed <= bytes) return;
    throw new EngineError(
      'E_MEMORY_BUDGET',
      `adapter ${id}: adapters would take ${needed} bytes, the plan has ${bytes} for them. ` +
        'Plan more (adapterBytes), or load fewer.',
      { details: { id, needed, bytes } },
    );
  }

  /** `b` is stored times the scale; `a` is padded with rows of zeros, so that its products fill whole groups. */
  #write({ rank, scale }: AdapterTensors, weight: WeightRef, { a, b }: AdapterPair): LowRankTerm {
    const { nRow, nCol } = weight;
    return {
      a: this.#writeMatrix(a, paddedRank(rank), nCol),
      b: this.#writeMatrix(
        b.map((x) => x * scale),
        nRow,
        rank,
      ),
    };
  }

  #writeMatrix(values: Float32Array, nRow: number, nCol: number): WeightRef {
    const address = this.#plan.regions.adapters.address + this.#usedBytes;
    const rows = new Float32Array(nRow * nCol);
    rows.set(values);
    const packed = packFloats('f32', nRow, nCol, rows);
    new Uint8Array(this.#memory.buffer, address, packed.byteLength).set(packed);
    this.#usedBytes += regionBytes(nRow, nCol);
    return weightRef('f32', nRow, nCol, address);
  }
}

function paddedRank(rank: number): number {
  return roundUp(rank, FLOAT_COLS);
}

function regionBytes(nRow: number, nCol: number): number {
  return roundUp(matrixBytes('f32', nRow, nCol), ALIGN_BYTES);
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${message}. Choose another.`, {
    param: 'adapter',
    details,
  });
}
