/** Fields that chat and plain completions share, and parameters that are refused by name. */
import { z } from 'zod';
import { DEFAULT_SAMPLING, type SamplingParams } from '../../../engine/generate/types.ts';

export const MAX_MAX_TOKENS = 1_000_000;
export const MAX_STOPS = 16;
export const MAX_STOP_CHARS = 500;
export const MAX_TOP_LOGPROBS = 20;
const MAX_MODEL_CHARS = 200;
const MAX_TOP_K = 1_000_000;
const MAX_REPETITION_PENALTY = 10;

export const count = z.number().int();
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
  seed: count.optional(),
  stop: z
    .union(
      [stopText, z.array(stopText).max(MAX_STOPS)],
      `expected a text or at most ${MAX_STOPS} texts, each of 1 to ${MAX_STOP_CHARS} characters`,
    )
    .optional()
    .transform((stop) => (stop === undefined ? [] : [stop].flat())),
  n: z
    .number()
    .refine((n) => n === 1, 'expected 1: several answers at a time are not supported yet')
    .optional(),
  user: z.string().optional(),
  /** Extension: tokens guessed ahead change how fast a text comes, never which. */
  speculation: z.enum(['auto', 'off']).default('auto'),
};

/** Known parameters of OpenAI's that change the answer and are not supported yet. */
export const REFUSED_PARAMETERS: readonly string[] = [
  'audio',
  'function_call',
  'functions',
  'parallel_tool_calls',
  'prediction',
  'reasoning_effort',
  'suffix',
  'tool_choice',
  'tools',
  'verbosity',
  'web_search_options',
];

const isEmpty = (value: unknown): boolean =>
  (Array.isArray(value) && value.length === 0) ||
  (typeof value === 'object' && value !== null && Object.keys(value).length === 0);

/** Adds an issue for the first parameter that is refused; values that ask for nothing pass. */
export function refuseUnsupported(
  body: Readonly<Record<string, unknown>>,
  addIssue: (path: string, message: string) => void,
): void {
  const refuse = (name: string, hint: string): void =>
    addIssue(name, `is not supported yet; expected it to be absent${hint}`);
  for (const name of REFUSED_PARAMETERS)
    if (Object.hasOwn(body, name) && !isEmpty(body[name])) refuse(name, '');
  if (body['logit_bias'] !== undefined && !isEmpty(body['logit_bias'])) refuse('logit_bias', '');
  if (body['best_of'] !== undefined && body['best_of'] !== 1) refuse('best_of', ' or 1');
  const format = body['response_format'] as { type?: unknown } | undefined;
  if (format !== undefined && format?.type !== 'text')
    refuse('response_format', ' or {"type": "text"}');
  const modalities = body['modalities'];
  if (modalities !== undefined && JSON.stringify(modalities) !== '["text"]')
    refuse('modalities', ' or ["text"]');
}

interface SamplingFields {
  readonly temperature?: number | undefined;
  readonly top_p?: number | undefined;
  readonly top_k?: number | undefined;
  readonly min_p?: number | undefined;
  readonly repetition_penalty?: number | undefined;
  readonly frequency_penalty?: number | undefined;
  readonly presence_penalty?: number | undefined;
  readonly seed?: number | undefined;
}

/** An absent seed is drawn at random, so that equal requests differ. */
export function samplingParams(fields: SamplingFields): SamplingParams {
  return {
    temperature: fields.temperature ?? DEFAULT_SAMPLING.temperature,
    topK: Math.max(0, fields.top_k ?? DEFAULT_SAMPLING.topK),
    topP: fields.top_p ?? DEFAULT_SAMPLING.topP,
    minP: fields.min_p ?? DEFAULT_SAMPLING.minP,
    repetitionPenalty: fields.repetition_penalty ?? DEFAULT_SAMPLING.repetitionPenalty,
    frequencyPenalty: fields.frequency_penalty ?? DEFAULT_SAMPLING.frequencyPenalty,
    presencePenalty: fields.presence_penalty ?? DEFAULT_SAMPLING.presencePenalty,
    seed: fields.seed ?? randomSeed(),
  };
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
}
