/** Fields that chat and plain completions share, and parameters that are refused by name. */
import { z } from 'zod';
import { samplingFields } from './sampling.ts';

export { samplingParams } from './sampling.ts';

export const MAX_MAX_TOKENS = 1_000_000;
export const MAX_STOPS = 16;
export const MAX_STOP_CHARS = 500;
export const MAX_TOP_LOGPROBS = 20;
const MAX_MODEL_CHARS = 200;

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
  ...samplingFields,
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
  if (body['best_of'] !== undefined && body['best_of'] !== 1) refuse('best_of', ' or 1');
  const format = body['response_format'] as { type?: unknown } | undefined;
  if (format !== undefined && format?.type !== 'text')
    refuse('response_format', ' or {"type": "text"}');
  const modalities = body['modalities'];
  if (modalities !== undefined && JSON.stringify(modalities) !== '["text"]')
    refuse('modalities', ' or ["text"]');
}
