/** Request and events of a generation: ids and rows, no text, no HTTP. */
import type { SamplingParams } from '../sample/params.ts';
import type { ConstraintRequest } from './constraint.ts';
import type { GivenPrompt, Prompt } from './prompt.ts';

export interface GenerateRequest {
  prompt: Prompt;
  /**
   * Who may share kept prefixes: requests of one scope do, those of different scopes neither share a
   * page nor learn from `cachedTokens` what another asked. Opaque; '' by default.
   */
  scope?: string;
  /** 0 only evaluates the prompt (with `promptLogprobs`). */
  maxTokens: number;
  sampling: SamplingParams;
  /** Ids that end the generation and are not emitted. */
  stopTokens: readonly number[];
  /** Most likely alternatives reported with each token; null reports no log-probabilities. */
  topLogprobs: number | null;
  /** Also report log-probabilities of the prompt's own tokens. */
  promptLogprobs: boolean;
  /** The first prompt position whose log-probability is reported; those before may come from the cache. */
  promptLogprobsFrom?: number;
  /** Whether tokens may be guessed ahead and checked together; the text is the same ('auto'). */
  speculation?: Speculation;
  /** Grammar the completion must match; it ends when nothing more can follow. */
  constraint?: ConstraintRequest;
  /** An adapter that the engine holds (`Engine.useAdapter`) until the generation has ended. */
  adapter?: AdapterUse;
  /** Whether an event says that it still waits after WAITING_MS: its reader may be gone, and see it only then. */
  tellsWaiting?: boolean;
}

/** A request as it is given: its prompt may have vectors in it. */
export type GivenRequest = Omit<GenerateRequest, 'prompt'> & { readonly prompt: GivenPrompt };

/**
 * From where on in a prompt an adapter applies, and not at all without it: tokens at their last occurrence, or the first row
 * of a picture. Null for everywhere.
 */
export type AdapterActivation = readonly number[] | 'rows' | null;

export interface AdapterUse {
  readonly id: string;
  readonly activation: AdapterActivation;
  /** Positions of its trained prefix, with which the text begins; none by default. */
  readonly nPrefix?: number;
}

export type Speculation = 'auto' | 'off';

export interface TokenLogprob {
  token: number;
  /** Natural logarithm, of the model's own distribution (before sampling parameters). */
  logprob: number;
  top: readonly { token: number; logprob: number }[];
}

export type FinishReason = 'stop' | 'length';

export interface GenerateUsage {
  /** Positions of the prompt: tokens, and rows of embeddings; not those of a trained prefix. */
  promptTokens: number;
  /** Prompt tokens whose keys and values were still in memory. */
  cachedTokens: number;
  completionTokens: number;
  /** Tokens that were guessed and evaluated with others, and how many of them the model chose. */
  draftedTokens: number;
  acceptedTokens: number;
  loadMs: number;
  queueMs: number;
  prefillMs: number;
  decodeMs: number;
}

export const NO_USAGE: Readonly<GenerateUsage> = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  draftedTokens: 0,
  acceptedTokens: 0,
  loadMs: 0,
  queueMs: 0,
  prefillMs: 0,
  decodeMs: 0,
};

/** The events of one generation, in order: start, prompt (at most once), token*, then done. */
export type GenerateEvent =
  /** It waits for its place or for its prompt; only with `tellsWaiting`, once. It is not refused any more. */
  | { type: 'waiting' }
  /** The prompt is evaluated. A reader that stops before `done` knows usage from here. */
  | { type: 'start'; usage: GenerateUsage }
  /** From `promptLogprobsFrom` on; null for the very first position and for rows: nothing predicts them. */
  | { type: 'prompt'; logprobs: readonly (TokenLogprob | null)[] }
  | { type: 'token'; token: number; logprob: TokenLogprob | null }
  | { type: 'done'; reason: FinishReason; usage: GenerateUsage };
