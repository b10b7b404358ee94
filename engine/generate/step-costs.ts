/**
 * What a step costs by its number of rows, learnt from the steps that ran. Workers' clocks may stand
 * still while code runs: without any measurement the fixed numbers below hold.
 */
import { CHUNK_TOKENS } from '../model/plan.ts';
import { TILE_TOKENS } from '../ops/ops.ts';

/** A tile of four tokens against one token alone, before anything is measured (SmolLM2 135M, q4m). */
const TILE_COST = 2.7;
/** Rows of a step beside running streams when the clock stands still. */
const UNTIMED_ROWS = 16;
/** Weight of the latest step. */
const COST_WEIGHT = 0.15;
/** A step may have been interrupted by others: it counts as at most this many times what is known. */
const MAX_SURPRISE = 2;
/** How fast a cost nobody measures any more goes back to the fixed number, a step. */
const FORGET_WEIGHT = 0.004;

export class StepCosts {
  /** Of one row alone, in milliseconds; null before it is known. */
  #rowMs: number | null = null;
  /** Of a tile in steps of more rows. */
  #tileMs: number | null = null;
  /** By sizeClass: multiples of one row's cost. */
  readonly #ratios = Array.from({ length: sizeClass(CHUNK_TOKENS) + 1 }, (_, i) => priorOf(i));

  /**
   * A step of `nRow` rows took `ms`; nothing is learnt from a clock that stood still.
   * @param allRead whether logits of all rows were wanted, as when streams decode.
   */
  record(nRow: number, ms: number, allRead: boolean): void {
    if (!(ms > 0)) return;
    if (nRow === 1) {
      this.#rowMs = blend(this.#rowMs, ms);
      for (const [i, ratio] of this.#ratios.entries())
        this.#ratios[i] = ratio + FORGET_WEIGHT * (priorOf(i) - ratio);
      return;
    }
    this.#tileMs = blend(this.#tileMs, ms / tilesOf(nRow));
    if (this.#rowMs === null || !allRead) return;
    const i = sizeClass(nRow);
    this.#ratios[i] = blend(this.#ratios[i]!, ms / this.#rowMs);
  }

  /** Cost of a step of `nRow` rows as a multiple of one row's. */
  of(nRow: number): number {
    return nRow === 1 ? 1 : this.#ratios[sizeClass(nRow)]!;
  }

  /** Rows, in whole tiles and at least one, that a step of `ms` milliseconds takes. */
  rowsWithin(ms: number): number {
    if (this.#tileMs === null) return UNTIMED_ROWS;
    const rows = Math.floor(ms / this.#tileMs) * TILE_TOKENS;
    return Math.min(Math.max(rows, TILE_TOKENS), CHUNK_TOKENS);
  }
}

/** Two to four rows, which differ by kernel, then whole tiles. */
function sizeClass(nRow: number): number {
  return nRow <= TILE_TOKENS ? nRow - 2 : TILE_TOKENS - 3 + tilesOf(nRow);
}

function priorOf(sizeClass: number): number {
  return TILE_COST * Math.max(1, sizeClass - TILE_TOKENS + 3);
}

function tilesOf(nRow: number): number {
  return Math.ceil(nRow / TILE_TOKENS);
}

function blend(known: number | null, sample: number): number {
  if (known === null) return sample;
  return known + COST_WEIGHT * (Math.min(sample, MAX_SURPRISE * known) - known);
}
