/**
 * Low-rank adapters (LoRA, arXiv 2106.09685) in the kernels' memory: each adds scale * (x A^T) B^T to
 * products of the layers, for the rows of a pass that carry it. They lie in a region of the plan
 * (`adapterBytes`), each in one piece, trained prefixes among them, and leave it when somebody removes them.
 */
import { FLOAT_COLS, matrixBytes, PANEL_ROWS, roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import type { AdaptedRun, LowRankTerm } from '../../ops/ops.ts';
import { weightRef } from '../../ops/weights.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { packFloats } from '../../quant/layouts.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import type { AdapterHandle, AdapterPair, AdapterTensors } from './contract.ts';
import { MAX_ADAPTER_RANK } from './plan.ts';
import type { MemoryPlan } from './plan.ts';
import type { PrefixPages } from './prefix-pages.ts';

export type { AdapterPair, AdapterTensors };

/** Weights that can be adapted: their products cover every row of a pass, in its order. */
export const ADAPTABLE = /^layers\.\d+\.(?:q|k|v|o|gate|up|down)Proj$/;
/** Alignment of every matrix, as kernels need it. */
const ALIGN_BYTES = 64;
/** Rows of A, of halves, that are multiplied together. */
const HALF_ROWS = 4;

/** Rows of a part and their adapter. */
interface CarryingRows {
  readonly nRow: number;
  readonly adapter: AdapterHandle | null;
}

interface Held {
  /** First byte in the region, and the one after the last. */
  readonly from: number;
  readonly to: number;
  readonly terms: ReadonlyMap<WeightRef, LowRankTerm>;
  /** Positions of its prefix, which lies at the end of its piece. */
  readonly nPrefix: number;
  readonly prefixAt: number;
}

type AdapterDtype = 'f32' | 'f16';

export class Adapters {
  readonly #plan: MemoryPlan;
  readonly #weights: WeightMap;
  readonly #memory: WebAssembly.Memory;
  readonly #prefixes: PrefixPages;
  readonly #held = new Map<string, Held>();

  constructor(
    plan: MemoryPlan,
    weights: WeightMap,
    memory: WebAssembly.Memory,
    prefixes: PrefixPages,
  ) {
    this.#prefixes = prefixes;
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
    const { id, rank, pairs, prefix } = adapter;
    if (this.#held.has(id)) throw invalid(`adapter: the id "${id}" is taken`, { id });
    if (!Number.isInteger(rank) || rank < 1 || rank > MAX_ADAPTER_RANK)
      throw invalid(`adapter ${id}: rank ${rank}; expected 1 to ${MAX_ADAPTER_RANK}`, { id, rank });
    const targets = [...pairs].map(([name, pair]) => ({
      pair,
      weight: this.#target(adapter, name, pair),
    }));
    if (prefix !== undefined) this.#prefixes.check(id, prefix);
    const bytes = targets.reduce(
      (sum, { weight, pair }) => sum + pairBytes(dtypeOf(pair), rank, weight.nRow, weight.nCol),
      prefix === undefined ? 0 : this.#prefixes.bytes(prefix),
    );
    const from = this.#place(id, bytes);
    let at = from;
    const terms = new Map<WeightRef, LowRankTerm>();
    for (const { weight, pair } of targets) {
      terms.set(weight, this.#write(adapter, weight, pair, at));
      at += pairBytes(dtypeOf(pair), rank, weight.nRow, weight.nCol);
    }
    const nPrefix = prefix?.nPosition ?? 0;
    const prefixAt = this.#plan.regions.adapters.address + at;
    if (prefix !== undefined) this.#prefixes.write(prefixAt, prefix);
    this.#held.set(id, { from, to: from + bytes, terms, nPrefix, prefixAt });
    return nPrefix === 0 ? { id } : { id, nPrefix };
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  /** Its room is free for others at once: no pass may name it any more. */
  remove(id: string): void {
    this.#held.delete(id);
  }

  /**
   * Copies a layer of an adapter's prefix to the pages that a text begins with.
   * @param pages addresses of the first layer's parts of the pages
   * @throws {EngineError} E_INTERNAL for an adapter that is not held or has another prefix
   */
  copyPrefix({ id, nPrefix = 0 }: AdapterHandle, layer: number, pages: readonly number[]): void {
    const held = this.#held.get(id);
    if (held?.nPrefix !== nPrefix)
      throw new EngineError(
        'E_INTERNAL',
        `forward: adapter "${id}" has a prefix of ${held?.nPrefix ?? 0} positions, not ${nPrefix}`,
      );
    this.#prefixes.copy(held.prefixAt, nPrefix, layer, pages);
  }

  /**
   * Runs of rows that carry an adapter; null when none does.
   * @throws {EngineError} E_INTERNAL for one that is not held.
   */
  runsOf(parts: readonly CarryingRows[]): readonly AdaptedRun[] | null {
    if (parts.every(({ adapter }) => adapter === null)) return null;
    const runs: AdaptedRun[] = [];
    let first = 0;
    for (const { nRow, adapter } of parts) {
      if (adapter !== null) {
        const terms = this.#held.get(adapter.id)?.terms;
        if (terms === undefined)
          throw new EngineError('E_INTERNAL', `forward: no adapter "${adapter.id}" is held`);
        const last = runs.at(-1);
        // Neighbours with the same adapter share its products; a prefix has none.
        if (last?.terms === terms && last.first + last.n === first)
          runs[runs.length - 1] = { ...last, n: last.n + nRow };
        else if (terms.size > 0) runs.push({ first, n: nRow, terms });
      }
      first += nRow;
    }
    return runs;
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

  /** The start of the first gap of `bytes` bytes. @throws {EngineError} E_MEMORY_BUDGET when there is none */
  #place(id: string, bytes: number): number {
    const room = this.#plan.regions.adapters.bytes;
    const held = [...this.#held.values()].sort((a, b) => a.from - b.from);
    let at = 0;
    for (const { from, to } of held) {
      if (from - at >= bytes) return at;
      at = to;
    }
    if (room - at >= bytes) return at;
    const needed = held.reduce((sum, { from, to }) => sum + to - from, bytes);
    throw new EngineError(
      'E_MEMORY_BUDGET',
      `adapter ${id}: adapters would take ${needed} bytes, the plan has ${room} for them. ` +
        'Leave more room: a shorter context (thimble push MODEL --ctx N) or adapterBytes; or load fewer.',
      { details: { id, needed, bytes: room } },
    );
  }

  /** `b` is stored times the scale; `a` is padded with rows of zeros, so that its products fill whole groups. */
  #write(
    { id, rank, scale }: AdapterTensors,
    weight: WeightRef,
    { a, b }: AdapterPair,
    at: number,
  ): LowRankTerm {
    const { nRow, nCol } = weight;
    const address = this.#plan.regions.adapters.address + at;
    if (a instanceof Uint16Array && b instanceof Uint16Array) {
      if (scale !== 1)
        throw new EngineError('E_INTERNAL', `adapter ${id}: halves of scale ${scale}; expected 1`);
      return this.#writeHalves(a, b, [nRow, nCol, rank], address);
    }
    const scaled = Float32Array.from(b, (x) => x * scale);
    const nRowA = paddedRank('f32', rank);
    const addressB = address + bytesOfA('f32', rank, nCol);
    return {
      a: this.#writeFloats(Float32Array.from(a), nRowA, nCol, address),
      b: this.#writeFloats(scaled, nRow, rank, addressB),
    };
  }

  /** Rows that are missing at the end are zeros. */
  #writeFloats(values: Float32Array, nRow: number, nCol: number, address: number): WeightRef {
    const rows = new Float32Array(nRow * nCol);
    rows.set(values);
    const packed = packFloats('f32', nRow, nCol, rows);
    new Uint8Array(this.#memory.buffer, address, packed.byteLength).set(packed);
    return weightRef('f32', nRow, nCol, address);
  }

  #writeHalves(
    a: Uint16Array,
    b: Uint16Array,
    [nRow, nCol, rank]: readonly [nRow: number, nCol: number, rank: number],
    address: number,
  ): LowRankTerm {
    const nRowA = paddedRank('f16', rank);
    const stride = roundUp(nCol, FLOAT_COLS);
    const intoA = new Uint16Array(this.#memory.buffer, address, nRowA * stride).fill(0);
    for (let r = 0; r < rank; r++) intoA.set(a.subarray(r * nCol, (r + 1) * nCol), r * stride);
    const addressB = address + bytesOfA('f16', rank, nCol);
    const refB = weightRef('f16', nRow, rank, addressB);
    const nHalf = refB.nPanel * PANEL_ROWS * rank;
    const intoB = new Uint16Array(this.#memory.buffer, addressB, nHalf).fill(0);
    for (let row = 0; row < nRow; row++) {
      const to = Math.floor(row / PANEL_ROWS) * PANEL_ROWS * rank + (row % PANEL_ROWS);
      for (let r = 0; r < rank; r++) intoB[to + r * PANEL_ROWS] = b[row * rank + r]!;
    }
    return { a: weightRef('f16', nRowA, nCol, address), b: refB };
  }
}

function dtypeOf({ a, b }: AdapterPair): AdapterDtype {
  return a instanceof Uint16Array && b instanceof Uint16Array ? 'f16' : 'f32';
}

/** Rows of A as its product takes them. */
function paddedRank(dtype: AdapterDtype, rank: number): number {
  return roundUp(rank, dtype === 'f16' ? HALF_ROWS : FLOAT_COLS);
}

function bytesOfA(dtype: AdapterDtype, rank: number, nCol: number): number {
  return roundUp(matrixBytes(dtype, paddedRank(dtype, rank), nCol), ALIGN_BYTES);
}

/** Bytes of the region that the pair of a weight [nRow, nCol] takes. */
export function pairBytes(dtype: AdapterDtype, rank: number, nRow: number, nCol: number): number {
  const bytesOfB =
    dtype === 'f16'
      ? roundUp(nRow, PANEL_ROWS) * rank * Uint16Array.BYTES_PER_ELEMENT
      : matrixBytes(dtype, nRow, rank);
  return bytesOfA(dtype, rank, nCol) + roundUp(bytesOfB, ALIGN_BYTES);
}

function invalid(message: string, details: Readonly<Record<string, unknown>>): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${message}. Choose another.`, {
    param: 'adapter',
    details,
  });
}
