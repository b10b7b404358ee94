/** Bodies and answers in the shape of llama.cpp's server (tools/server/README.md in its repository). */
import { z } from 'zod';
import { count, generationFields, strictField } from '../../serving/fields/common.ts';
import { formatFields } from '../../serving/fields/output.ts';
import { tokenId } from '../completions/schema.ts';

const MAX_PROMPT_TOKENS = 1_000_000;
const { stream_options: _options, user: _user, ...shared } = generationFields;
/** Slots and the cache are found by the prompt. */
const passive = {
  cache_prompt: z.boolean().optional(),
  id_slot: count.optional(),
};

const common = {
  ...shared,
  ...formatFields,
  ...passive,
  ignore_eos: z.boolean().default(false),
  return_tokens: z.boolean().default(false),
  strict: strictField,
};

export const llamaCompletionBody = z
  .looseObject({
    ...common,
    prompt: z.union(
      [z.string(), z.array(tokenId).min(1).max(MAX_PROMPT_TOKENS)],
      'expected a text or token ids',
    ),
  })
  .meta({ id: 'LlamaCompletionRequest' });
/** What both bodies have. */
export type LlamaBody = z.output<z.ZodObject<typeof common>>;

export const infillBody = z
  .looseObject({
    ...common,
    input_prefix: z.string().default(''),
    input_suffix: z.string().default(''),
    prompt: z.string().default(''),
  })
  .meta({ id: 'InfillRequest' });

const number = z.number();
export const llamaTimings = z
  .strictObject({
    cache_n: count,
    prompt_n: count,
    prompt_ms: number,
    prompt_per_token_ms: number,
    prompt_per_second: number,
    predicted_n: count,
    predicted_ms: number,
    predicted_per_token_ms: number,
    predicted_per_second: number,
  })
  .meta({ id: 'LlamaTimings' });

export const llamaCompletionSchema = z
  .strictObject({
    content: z.string(),
    tokens: z.array(count),
    stop: z.boolean(),
    model: z.string(),
    tokens_predicted: count.optional(),
    tokens_evaluated: count.optional(),
    tokens_cached: count.optional(),
    stop_type: z.enum(['eos', 'limit', 'word']).optional(),
    stopping_word: z.string().optional(),
    truncated: z.boolean().optional(),
    timings: llamaTimings.optional(),
  })
  .meta({ id: 'LlamaCompletion' });
export type LlamaCompletionJson = z.output<typeof llamaCompletionSchema>;

export const propsSchema = z
  .strictObject({
    model_alias: z.string(),
    model_path: z.string(),
    chat_template: z.string(),
    bos_token: z.string(),
    eos_token: z.string(),
    total_slots: count,
    default_generation_settings: z.strictObject({ n_ctx: count }),
    build_info: z.string(),
  })
  .meta({ id: 'LlamaProps' });
