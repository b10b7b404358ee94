/** What a sampler of the chain is: one row of the table in samplers.ts, one file each. */
import type { SamplingParams } from './params.ts';
import type { Adjustable, Candidates } from './candidates.ts';

/** The text so far, which grows by what is drawn. */
export interface SamplerContext {
  /** Tokens of prompt and completion; the array that the generation appends to. */
  readonly text: readonly number[];
  /** How many of them are the prompt's. */
  readonly nPrompt: number;
  /**
   * For each token of the text, and for the next: index of the first token of its run. Tokens of
   * different runs are not neighbours: rows (of a picture, say) lie between them. One run by default.
   */
  readonly runStarts?: readonly number[];
}

/** Changes single logits: works on the whole row, or on what is left of it. */
export interface Adjuster {
  adjust(logits: Adjustable, context: SamplerContext): void;
}

/** Narrows or reshapes candidates. */
export interface Narrower {
  narrow(candidates: Candidates, context: SamplerContext): void;
  /** As the first of a chain: nats below the likeliest beyond which it keeps nothing, if that is known. */
  readonly reach?: number;
  /**
   * As the first of a chain: whether the loaded candidates include all that it will keep, so that less
   * likely tokens need not be loaded. Without it, all that are not negligible are loaded.
   */
  enough?(candidates: Candidates): boolean;
  /** As the first of a chain: whether it needs the mass of all tokens, loaded or not. */
  readonly needsMass?: boolean;
  /** Whether it needs every logit, even negligible ones. */
  readonly needsAll?: boolean;
  /** Logit of the candidate at `place` before it was reshaped; null when it was not. */
  logitBefore?(place: number): number | null;
  /** A candidate was drawn, with this probability among those that were left. */
  drawn?(probability: number): void;
}

/** A sampler for one generation, whose state is a function of its text. */
export type Sampler = Adjuster | Narrower;

/** One row of the table. */
export interface SamplerRow {
  /** Whether these parameters make it do anything. */
  readonly isActive: (p: SamplingParams) => boolean;
  readonly create: (p: SamplingParams) => Sampler;
}

export function isAdjuster(sampler: Sampler): sampler is Adjuster {
  return 'adjust' in sampler;
}
