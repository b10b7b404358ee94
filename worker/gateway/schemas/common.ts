/** Fields that bodies share, and their limits. */
import { z } from 'zod';
import {
  DEFAULT_SAMPLERS,
  DEFAULT_SAMPLING,
  type SamplerName,
  type SamplingParams,
} from '../../../engine/generate/types.ts';
import { checkSampling } from '../../../engine/sample/samplers.ts';
import { DEFAULT_BREAKERS } from '../../../engine/sample/dry.ts';
import { tokensContaining, type Vocabulary } from '../../../engine/text/tokens-containing.ts';

export const MAX_MAX_TOKENS = 1_000_000;
export const MAX_STOPS = 16;
export const MAX_STOP_CHARS = 500;
export const MAX_TOP_LOGPROBS = 20;
const MAX_MODEL_CHARS = 200;
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

export const count = z.number().int();
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
const stopText = z.string().min(1).max(MAX_STOP_CHARS);

export const modelField = z.string().min(1).max(MAX_MODEL_CHARS).optional();

/** `session` ids are part of addresses. */
export const sessionId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "-" or "_"');

export const generationFields = {
  model: modelField,
  stream: z.boolean().default(false),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional(),
  max_tokens: count.min(0).max(MAX_MAX_TOKENS).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  /** -1 keeps all, as in other servers. */
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
  /** -1 looks back at all of the text, 0 at nothing. */
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
  stop: z
    .union(
      [stopText, z.array(stopText).max(MAX_STOPS)],
      `expected a text or at most ${MAX_STOPS} texts, each of 1 to ${MAX_STOP_CHARS} characters`,
    )
    .optional()
    .transform((stop) => (stop === undefined ? [] : [stop].flat())),
  user: z.string().optional(),
  /** Extension: tokens guessed ahead change how fast a text comes, never which. */
  speculation: z.enum(['auto', 'off']).default('auto'),
};

/** Parameters of OpenAI's that change nothing here: accepted, and not called unknown. */
export const passiveFields = {
  metadata: z.record(z.string(), z.unknown()).optional(),
  parallel_tool_calls: z.boolean().optional(),
  prompt_cache_key: z.string().optional(),
  prompt_cache_retention: z.string().optional(),
  safety_identifier: z.string().optional(),
  service_tier: z.string().optional(),
  store: z.boolean().optional(),
};

/** Of every body that asks for something. */
export const strictField = z.boolean().default(false);

export const MAX_CHOICES = 8;
/** Tokens that one request may ask for with all its choices together. */
export const MAX_CHOICE_TOKENS = 32_768;
export const choiceCount = count.min(1).max(MAX_CHOICES);

/** The issue of a body that asks for more tokens than one request may make, or null. */
export function tooManyTokens(
  nChoice: number,
  maxTokens: number | undefined,
): { path: ['max_tokens']; message: string } | null {
  if (nChoice === 1 || maxTokens === undefined) return null;
  const most = Math.floor(MAX_CHOICE_TOKENS / nChoice);
  if (maxTokens <= most) return null;
  const message = `expected at most ${most} with ${nChoice} answers (${MAX_CHOICE_TOKENS} tokens together)`;
  return { path: ['max_tokens'], message };
}

interface SamplingFields {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly min_p?: number | undefined;
  readonly repetition_penalty?: number | undefined;
  readonly frequency_penalty?: number | undefined;
  readonly presence_penalty?: number | undefined;
  readonly typical_p?: number | undefined;
  readonly top_n_sigma?: number | undefined;
  readonly xtc_probability?: number | undefined;
  readonly xtc_threshold?: number | undefined;
  readonly dry_multiplier?: number | undefined;
  readonly dry_base?: number | undefined;
  readonly dry_allowed_length?: number | undefined;
  readonly dry_penalty_last_n?: number | undefined;
  readonly dry_sequence_breakers?: readonly string[] | undefined;
  readonly mirostat?: 0 | 2 | undefined;
  readonly mirostat_tau?: number | undefined;
  readonly mirostat_eta?: number | undefined;
  readonly logit_bias?: Readonly<Record<string, number>> | undefined;
  readonly samplers?: readonly SamplerName[] | undefined;
  readonly seed?: number | undefined;
}

/**
 * An absent seed is drawn at random, so that equal requests differ.
 * @param vocabulary that breakers become tokens of
 * @throws {EngineError} E_REQUEST_INVALID naming parameters that exclude each other.
 */
export function samplingParams(fields: SamplingFields, vocabulary: Vocabulary): SamplingParams {
  const { dry_sequence_breakers: breakers = DEFAULT_BREAKERS, logit_bias: bias = {} } = fields;
  const d = DEFAULT_SAMPLING;
  const dryMultiplier = fields.dry_multiplier ?? d.dryMultiplier;
  const params: SamplingParams = {
    temperature: fields.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: Math.max(0, fields.top_k ?? DEFAULT_SAMPLING.topK),
    topP: fields.top_p ?? DEFAULT_SAMPLING.topP,
    minP: fields.min_p ?? DEFAULT_SAMPLING.minP,
    repetitionPenalty: fields.repetition_penalty ?? DEFAULT_SAMPLING.repetitionPenalty,
    frequencyPenalty: fields.frequency_penalty ?? DEFAULT_SAMPLING.frequencyPenalty,
    presencePenalty: fields.presence_penalty ?? DEFAULT_SAMPLING.presencePenalty,
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
    samplers: fields.samplers ?? d.samplers,
    seed: fields.seed ?? randomSeed(),
  };
  checkSampling(params, vocabulary.nVocab);
  return params;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
