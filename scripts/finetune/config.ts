/** What decides an adapter: the options of `thimble finetune`, with their defaults. */
import type { Target } from '../../engine/train/adapter/base.ts';
import type { DataForm } from './rows.ts';

export interface FinetuneConfig {
  readonly model: string;
  /** A JSONL file, or a document. */
  readonly data: string;
  /** How a document is studied; null for rows of JSONL. */
  readonly document: DocumentConfig | null;
  /** Pictures with texts, from which eyes are learned, too; null for texts alone. */
  readonly pictures: PicturesConfig | null;
  /** Positions of a trained prefix, in place of a low-rank adapter; 0 for none. */
  readonly prefix: number;
  /** A model that says what is learned of each token; null where the tokens themselves are learned. */
  readonly teacher: string | null;
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
  /** A JSONL file of rows to measure on, in place of a share of the data; null for none. */
  readonly validation: string | null;
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

/** What eyes learn from, and what they see through. */
export interface PicturesConfig {
  /** JSONL files of rows. */
  readonly files: readonly string[];
  /** Id of an imported image encoder. */
  readonly encoder: string;
  /** Vectors of a picture are a grid of so many a side. */
  readonly grid: number;
}

export interface DocumentConfig {
  /** A JSONL file of questions about it; null for those alone that the base makes. */
  readonly questions: string | null;
  /** Questions that the base makes about each passage. */
  readonly nQuestion: number;
  /** Whether it learns to go on with passages, too. */
  readonly hasRest: boolean;
  readonly passageTokens: number;
}

export const FINETUNE_DEFAULTS = {
  ...{ rank: 8, alpha: 16, epochs: 3, batch: 8, maxTokens: 512, heldOut: 0.05, seed: 1 },
  ...{ beta: 0.1, maxNorm: 1, licence: 'unknown', document: null, prefix: 0, teacher: null },
  validation: null,
  pictures: null,
} as const;

/** Sixteen vectors a picture: 49 give little more, and take three times the context. */
export const PICTURES_DEFAULTS = { grid: 4, batch: 16 } as const;

export const DOCUMENT_DEFAULTS = { prefix: 256, nQuestion: 6, passageTokens: 448 } as const;

/** Rates that adapters of small models learn well with; preferences need small steps. */
export const DEFAULT_RATES: Readonly<Record<DataForm, number>> = {
  ...{ text: 5e-4, completion: 5e-4, messages: 5e-4, document: 5e-4, pictures: 8e-4 },
  preference: 5e-5,
};
/** Keys and values are as large as what they are compared with: they need steps of their size (arXiv 2506.06266). */
export const PREFIX_RATE_FACTOR = 40;
