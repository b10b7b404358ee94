/** Parameters of a sampler chain. */
import type { WatermarkKey } from './watermark-hash.ts';

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
  /** Longest repetition without a penalty. */
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
  /** Tokens of the completion before which none of `endTokens` is drawn. */
  minTokens: number;
  endTokens: readonly number[];
  /** Sequences of tokens that the completion does not have. */
  bannedWords: readonly (readonly number[])[];
  /** Key of the watermark that sampled text carries; null for none. A host's, never a request's. */
  watermark: WatermarkKey | null;
  /** Order of samplers; those that are not named are not used. */
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
  minTokens: 0,
  endTokens: [],
  bannedWords: [],
  watermark: null,
  samplers: DEFAULT_SAMPLERS,
  seed: 0,
};
