/** What a generation is asked for and what it answers with: token ids only, no text, no HTTP. */
import type { ConstraintRequest } from './constraint.ts';

/** Samplers whose order can be chosen. */
export type SamplerName =
  | 'penalties'
  | 'dry'
  | 'top_n_sigma'
  | 'top_k'
  | 'typical_p'
  | 'top_p'
  | 'min_p'
  | 'xtc'
  | 'temperature';

/** llama.cpp's order. */
export const DEFAULT_SAMPLERS: readonly SamplerName[] = [
  ...(['penalties', 'dry', 'top_n_sigma', 'top_k', 'typical_p'] as const),
  ...(['top_p', 'min_p', 'xtc', 'temperature'] as const),
];

/** Resolved sampling parameters: every field has a value. */
export interface SamplingParams {
  /** 0 is greedy. */
  temperature: number;
  /** 0 keeps all. */
  topK: number;
  /** 1 keeps all. */
  topP: number;
  /** 0 keeps all. */
  minP: number;
  /** 1 changes nothing (CTRL, arXiv 1909.05858). */
  repetitionPenalty: number;
  frequencyPenalty: number;
  presencePenalty: number;
  /** 1 keeps all. */
  typicalP: number;
  /** Standard deviations; 0 keeps all. */
  topNSigma: number;
  /** 0 never excludes. */
  xtcProbability: number;
  xtcThreshold: number;
  /** 0 changes nothing. */
  dryMultiplier: number;
  dryBase: number;
  /** Longest repetition that costs nothing. */
  dryAllowedLength: number;
  /** Tokens looked back at; -1 is all of the text. */
  dryPenaltyLastN: number;
  /** Ids that repetitions do not reach over. */
  drySequenceBreakers: readonly number[];
  /** 2 is Mirostat 2. */
  mirostat: 0 | 2;
  /** Surprise aimed at, in bits. */
  mirostatTau: number;
  mirostatEta: number;
  /** Added to the logits of single tokens. */
  logitBias: readonly (readonly [token: number, bias: number])[];
  /** In this order; those that are not named are not used. */
  samplers: readonly SamplerName[];
  /** Same seed, same prompt, same parameters: same tokens. */
  seed: number;
}

export const DEFAULT_SAMPLING: Readonly<SamplingParams> = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  repetitionPenalty: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  typicalP: 1,
  topNSigma: 0,
  xtcProbability: 0,
  xtcThreshold: 0.1,
  dryMultiplier: 0,
  dryBase: 1.75,
  dryAllowedLength: 2,
  dryPenaltyLastN: -1,
  drySequenceBreakers: [],
  mirostat: 0,
  mirostatTau: 5,
  mirostatEta: 0.1,
  logitBias: [],
  samplers: DEFAULT_SAMPLERS,
  seed: 0,
};

export interface GenerateRequest {
  promptTokens: readonly number[];
  /** 0 only evaluates the prompt (with `promptLogprobs`). */
  maxTokens: number;
  sampling: SamplingParams;
  /** Ids that end the generation and are not emitted. */
  stopTokens: readonly number[];
  /** Most likely alternatives reported with each token; null reports no log-probabilities. */
  topLogprobs: number | null;
  /** Also report log-probabilities of the prompt's own tokens. */
  promptLogprobs: boolean;
  /** The first prompt token whose log-probability is reported; those before may come from the cache. */
  promptLogprobsFrom?: number;
  /** Whether tokens may be guessed ahead and checked together; the text is the same ('auto'). */
  speculation?: Speculation;
  /** What the completion is held to; it ends when nothing more can follow. */
  constraint?: ConstraintRequest;
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
  /** The prompt is evaluated. A reader that stops before `done` knows usage from here. */
  | { type: 'start'; usage: GenerateUsage }
  /** From `promptLogprobsFrom` on; null for the very first token, which nothing predicts. */
  | { type: 'prompt'; logprobs: readonly (TokenLogprob | null)[] }
  | { type: 'token'; token: number; logprob: TokenLogprob | null }
  | { type: 'done'; reason: FinishReason; usage: GenerateUsage };
