/** Fields that request bodies share, and their limits. */
import { z } from 'zod';
import { samplingFields } from './sampling.ts';

export { samplingParams } from './sampling.ts';

import { grammarFields } from './output.ts';
import { userField } from './passive.ts';

export { passiveFields } from './passive.ts';

export const MAX_MAX_TOKENS = 1_000_000;
export const MAX_STOPS = 16;
export const MAX_STOP_CHARS = 500;
export const MAX_TOP_LOGPROBS = 20;
const MAX_MODEL_CHARS = 200;

export const count = z.number().int();
const stopText = z.string().min(1).max(MAX_STOP_CHARS);

export const modelField = z.string().min(1).max(MAX_MODEL_CHARS).optional();

/** Session ids are part of paths. */
export const sessionId = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "-" or "_"');

const MAX_RETENTION_S = 100 * 366 * 24 * 60 * 60;
/** Seconds after its last change that something is kept, at most. */
export const retentionField = count.min(1).max(MAX_RETENTION_S).optional();

const MAX_STOP_TOKENS = 64;
const MAX_BAD_WORDS = 64;
const MAX_BAD_WORD_CHARS = 100;
const tokenId = count.min(0).max(2 ** 31 - 1);

/** Extensions that say how an answer may end, and what it may not say; as in vLLM. */
const endFields = {
  min_tokens: count.min(0).max(MAX_MAX_TOKENS).default(0),
  stop_token_ids: z.array(tokenId).max(MAX_STOP_TOKENS).default([]),
  bad_words: z.array(z.string().min(1).max(MAX_BAD_WORD_CHARS)).max(MAX_BAD_WORDS).default([]),
};

export const generationFields = {
  model: modelField,
  stream: z.boolean().default(false),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional(),
  max_tokens: count.min(0).max(MAX_MAX_TOKENS).optional(),
  ...samplingFields,
  stop: z
    .union(
      [stopText, z.array(stopText).max(MAX_STOPS)],
      `expected a text or at most ${MAX_STOPS} texts, each of 1 to ${MAX_STOP_CHARS} characters`,
    )
    .optional()
    .transform((stop) => (stop === undefined ? [] : [stop].flat())),
  ...grammarFields,
  ...endFields,
  user: userField,
  /** Extension: speculative decoding changes the speed, never the text. */
  speculation: z.enum(['auto', 'off']).default('auto'),
};

/** OpenAI's limits for metadata. */
const MAX_METADATA_KEYS = 16;
const MAX_KEY_CHARS = 64;
const MAX_VALUE_CHARS = 512;

export const metadataField = z
  .record(z.string().max(MAX_KEY_CHARS), z.string().max(MAX_VALUE_CHARS))
  .refine(
    (metadata) => Object.keys(metadata).length <= MAX_METADATA_KEYS,
    `expected at most ${MAX_METADATA_KEYS} pairs`,
  );

/** Part of every body: whether to refuse unknown fields. */
export const strictField = z.boolean().default(false);

export const MAX_CHOICES = 8;
/** Most tokens of all choices of one request together. */
export const MAX_CHOICE_TOKENS = 32_768;
export const choiceCount = count.min(1).max(MAX_CHOICES);

/** Error message for a `max_tokens` that is too large for `nChoice` choices, or null. */
export function tooManyTokens(nChoice: number, maxTokens: number | undefined): string | null {
  if (nChoice === 1 || maxTokens === undefined) return null;
  const most = Math.floor(MAX_CHOICE_TOKENS / nChoice);
  if (maxTokens <= most) return null;
  return `expected at most ${most} with ${nChoice} answers (${MAX_CHOICE_TOKENS} tokens together)`;
}
