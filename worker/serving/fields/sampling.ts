/** Fields of sampling, and the parameters they become (docs/http.md, Samplers). */
import { z } from 'zod';
import {
  DEFAULT_SAMPLERS,
  DEFAULT_SAMPLING,
  type SamplingParams,
} from '../../../engine/sample/params.ts';
import type { RecommendedSampling } from '../../../engine/manifest/manifest.ts';
import { checkSampling } from '../../../engine/sample/samplers.ts';
import { DEFAULT_BREAKERS } from '../../../engine/sample/dry.ts';
import { tokensContaining, type Vocabulary } from '../../../engine/text/tokens-containing.ts';

const MAX_TOP_K = 1_000_000;
const MAX_REPETITION_PENALTY = 10;
const MAX_SIGMAS = 100;
const MAX_DRY = 100;
const MAX_DRY_LENGTH = 1000;
const MAX_LAST_N = 1_000_000;
export const MAX_BREAKERS = 16;
export const MAX_BREAKER_CHARS = 40;
const MAX_TAU = 100;
export const MAX_BIASES = 1024;
const MAX_BIAS = 100;

const count = z.number().int();

const biases = z
  .record(z.string(), z.number().min(-MAX_BIAS).max(MAX_BIAS))
  .refine(
    (bias) => Object.keys(bias).every((id) => /^\d{1,9}$/.test(id)),
    'expected an object from token ids to numbers',
  )
  .refine(
    (bias) => Object.keys(bias).length <= MAX_BIASES,
    `expected at most ${MAX_BIASES} tokens`,
  );
const samplerNames = z
  .array(z.enum(DEFAULT_SAMPLERS))
  .refine((names) => new Set(names).size === names.length, 'expected each sampler once');

export const samplingFields = {
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  /** 0 or -1 keeps all, as in other servers. */
  top_k: count.min(-1).max(MAX_TOP_K).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().gt(0).max(MAX_REPETITION_PENALTY).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  typical_p: z.number().gt(0).max(1).optional(),
  top_n_sigma: z.number().min(0).max(MAX_SIGMAS).optional(),
  xtc_probability: z.number().min(0).max(1).optional(),
  xtc_threshold: z.number().gt(0).max(1).optional(),
  dry_multiplier: z.number().min(0).max(MAX_DRY).optional(),
  dry_base: z.number().min(1).max(MAX_DRY).optional(),
  dry_allowed_length: count.min(1).max(MAX_DRY_LENGTH).optional(),
  /** -1 looks back at the whole text, 0 at nothing. */
  dry_penalty_last_n: count.min(-1).max(MAX_LAST_N).optional(),
  dry_sequence_breakers: z
    .array(z.string().min(1).max(MAX_BREAKER_CHARS))
    .max(MAX_BREAKERS)
    .optional(),
  mirostat: z.literal([0, 2]).optional(),
  mirostat_tau: z.number().gt(0).max(MAX_TAU).optional(),
  mirostat_eta: z.number().gt(0).max(1).optional(),
  logit_bias: biases.optional(),
  samplers: samplerNames.optional(),
  seed: count.optional(),
};

type SamplingFields = z.output<z.ZodObject<typeof samplingFields>>;

/**
 * An absent seed is drawn at random, so that equal requests differ.
 * @param vocabulary turns sequence breakers into tokens
 * @param recommended for requests that say nothing of it
 * @throws {EngineError} E_REQUEST_INVALID naming parameters that exclude each other.
 */
export function samplingParams(
  fields: SamplingFields,
  vocabulary: Vocabulary,
  recommended: RecommendedSampling = {},
): SamplingParams {
  const { dry_sequence_breakers: breakers = DEFAULT_BREAKERS, logit_bias: bias = {} } = fields;
  const d: SamplingParams = { ...DEFAULT_SAMPLING };
  if (saysNothing(fields)) Object.assign(d, recommended);
  const dryMultiplier = fields.dry_multiplier ?? d.dryMultiplier;
  const params: SamplingParams = {
    temperature: fields.temperature ?? d.temperature,
    topK: Math.max(0, fields.top_k ?? d.topK),
    topP: fields.top_p ?? d.topP,
    minP: fields.min_p ?? d.minP,
    repetitionPenalty: fields.repetition_penalty ?? d.repetitionPenalty,
    frequencyPenalty: fields.frequency_penalty ?? d.frequencyPenalty,
    presencePenalty: fields.presence_penalty ?? d.presencePenalty,
    typicalP: fields.typical_p ?? d.typicalP,
    topNSigma: fields.top_n_sigma ?? d.topNSigma,
    xtcProbability: fields.xtc_probability ?? d.xtcProbability,
    xtcThreshold: fields.xtc_threshold ?? d.xtcThreshold,
    dryMultiplier,
    dryBase: fields.dry_base ?? d.dryBase,
    dryAllowedLength: fields.dry_allowed_length ?? d.dryAllowedLength,
    dryPenaltyLastN: fields.dry_penalty_last_n ?? d.dryPenaltyLastN,
    drySequenceBreakers:
      dryMultiplier === 0 ? [] : tokensContaining(vocabulary, breakers, 'dry_sequence_breakers'),
    mirostat: fields.mirostat ?? d.mirostat,
    mirostatTau: fields.mirostat_tau ?? d.mirostatTau,
    mirostatEta: fields.mirostat_eta ?? d.mirostatEta,
    logitBias: Object.entries(bias).map(([id, value]) => [Number(id), value] as const),
    minTokens: d.minTokens,
    endTokens: d.endTokens,
    bannedWords: d.bannedWords,
    watermark: d.watermark,
    samplers: fields.samplers ?? d.samplers,
    seed: fields.seed ?? randomSeed(),
  };
  checkSampling(params, vocabulary.nVocab);
  return params;
}

/** Fields that choose no distribution. */
const NEUTRAL: ReadonlySet<string> = new Set(['seed', 'logit_bias']);

/** Who sets one of the parameters has the defaults of OpenAI's API for the others, not those of a model. */
function saysNothing(fields: SamplingFields): boolean {
  return Object.keys(samplingFields).every(
    (name) => NEUTRAL.has(name) || fields[name as keyof SamplingFields] === undefined,
  );
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
