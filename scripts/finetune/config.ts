/** What decides an adapter: the options of `thimble finetune`, with their defaults. */
import type { Target } from '../../engine/train/adapter/base.ts';
import type { RowForm } from './rows.ts';

export interface FinetuneConfig {
  readonly model: string;
  /** A JSONL file. */
  readonly data: string;
  readonly rank: number;
  readonly alpha: number;
  readonly targets: readonly Target[];
  /** Times that every row is seen; null where `steps` decides. */
  readonly epochs: number | null;
  readonly steps: number | null;
  /** Of an update, after warm-up; null for what the objective needs. */
  readonly rate: number | null;
  /** Rows of an update. */
  readonly batch: number;
  readonly maxTokens: number;
  /** Share of the rows that is not learned from. */
  readonly heldOut: number;
  readonly seed: number;
  /** A text that switches the adapter on; null for one that always counts. */
  readonly invocation: string | null;
  /** Of preferences. */
  readonly beta: number;
  /** Slopes longer than this are clipped. */
  readonly maxNorm: number;
  readonly licence: string;
}

export const FINETUNE_DEFAULTS = {
  ...{ rank: 8, alpha: 16, epochs: 3, batch: 8, maxTokens: 512, heldOut: 0.05, seed: 1 },
  ...{ beta: 0.1, maxNorm: 1, licence: 'unknown' },
} as const;

/** Rates that adapters of small models learn well with; preferences need small steps. */
export const DEFAULT_RATES: Readonly<Record<RowForm, number>> = {
  ...{ text: 5e-4, completion: 5e-4, messages: 5e-4 },
  preference: 5e-5,
};
