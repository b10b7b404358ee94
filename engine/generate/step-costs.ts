/**
 * Cost of a step by its number of rows, learnt from the steps that ran. Workers' clocks may stand
 * still while code runs: without any measurement the fixed numbers below hold.
 */
import { CHUNK_TOKENS } from '../model/decoder/plan.ts';
import { TILE_TOKENS } from '../ops/ops.ts';

/**
 * Cost of several rows against one, before anything is measured: reading the weights is shared, arithmetic
 * is not (SmolLM2 135M, q4m). Chosen low: what is never tried is never measured.
 */
const SHARED_COST = 0.6;
const ROW_COST = 0.45;
/** Rows of a step beside running streams when the clock stands still. */
const UNTIMED_ROWS = 16;
/** Weight of the latest step. */
const COST_WEIGHT = 0.15;
/** A step may have been interrupted by others: it counts as at most this many times the known cost. */
const MAX_SURPRISE = 2;
/** How fast a cost that is no longer measured returns to the fixed number, per step. */
const FORGET_WEIGHT = 0.004;

export class StepCosts {
  /** Milliseconds of a step of one row; null before it is known. */
  #oneMs: number | null = null;
  /** Milliseconds of a row in steps of a tile and more. */
  #rowMs: number | null = null;
  /** By number of rows: cost as a multiple of one row's. */
  readonly #ratios: Float64Array;
  readonly #maxRows: number;

  /** @param maxRows most rows of a step */
  constructor(maxRows = CHUNK_TOKENS) {
    this.#maxRows = maxRows;
    this.#ratios = Float64Array.from({ length: maxRows + 1 }, (_, nRow) => priorOf(nRow));
  }

  /**
   * A step of `nRow` rows took `ms`; nothing is learnt from a clock that stood still.
   * @param allRead whether logits of all rows were wanted, as when streams decode.
   */
  record(nRow: number, ms: number, allRead: boolean): void {
    if (!(ms > 0)) return;
    if (nRow >= TILE_TOKENS) this.#rowMs = blend(this.#rowMs, ms / nRow);
    if (!allRead) return;
    if (nRow === 1) {
      this.#oneMs = blend(this.#oneMs, ms);
      for (let n = 1; n < this.#ratios.length; n++)
        this.#ratios[n]! += FORGET_WEIGHT * (priorOf(n) - this.#ratios[n]!);
    } else if (this.#oneMs !== null) {
      this.#ratios[nRow] = blend(this.#ratios[nRow]!, ms / this.#oneMs);
    }
  }

  /** Cost of a step of `nRow` rows as a multiple of one row's. */
  of(nRow: number): number {
    return this.#ratios[nRow]!;
  }

  /** Rows, in whole tiles and at least one, that a step of `ms` milliseconds takes. */
  rowsWithin(ms: number): number {
    if (this.#rowMs === null) return UNTIMED_ROWS;
    const rows = Math.floor(ms / this.#rowMs / TILE_TOKENS) * TILE_TOKENS;
    return Math.min(Math.max(rows, TILE_TOKENS), this.#maxRows);
  }
}

function priorOf(nRow: number): number {
  return nRow === 1 ? 1 : SHARED_COST + ROW_COST * nRow;
}

function blend(known: number | null, sample: number): number {
  if (known === null) return sample;
  return known + COST_WEIGHT * (Math.min(sample, MAX_SURPRISE * known) - known);
}
