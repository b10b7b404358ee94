/** Fields that the bodies and answers of tasks share, and their limits. */
import { z } from 'zod';
import { resourcesSchema, timingsSchema, usageSchema } from '../fields/answers.ts';
import { count, MAX_MAX_TOKENS, modelField, strictField } from '../fields/common.ts';
import { samplingFields } from '../fields/sampling.ts';
import { redactField } from '../redaction/redact-request.ts';

/** Longest text, or all passages together: about a hundred contexts of 2,048 tokens. */
export const MAX_TEXT_CHARS = 500_000;
export const MAX_INSTRUCTION_CHARS = 2_000;
/** Most pieces into which a text is cut. */
export const MAX_CHUNKS = 400;

/** Aborts the check, so that refinements that compare fields see valid ones only. */
const SOME_TEXT = { error: 'expected a text that is not empty', abort: true };

export const someText = (maxChars: number) =>
  z
    .string()
    .max(maxChars)
    .refine((text) => text.trim() !== '', SOME_TEXT);

export const taskFields = {
  model: modelField,
  max_tokens: count.min(1).max(MAX_MAX_TOKENS).optional(),
  temperature: samplingFields.temperature,
  top_p: samplingFields.top_p,
  seed: samplingFields.seed,
  redact: redactField,
  strict: strictField,
};
export type TaskFields = Partial<z.output<z.ZodObject<typeof taskFields>>>;

export const textField = someText(MAX_TEXT_CHARS);

/** A single line, which goes into a prompt. */
export const lineField = (maxChars: number) =>
  someText(maxChars).refine((text) => !/[\n\r]/.test(text), {
    error: 'expected a text of one line',
    abort: true,
  });

export const chunkCount = z.number().int().positive().describe('pieces the text was cut into');
/** Why a text ended, from the best reason to the worst. */
export const TASK_REASONS = ['stop', 'length', 'repetition'] as const;
export type TaskReason = (typeof TASK_REASONS)[number];

export const finishReason = z
  .enum(TASK_REASONS)
  .describe(
    '"length": a part of the answer reached its limit of tokens or words; "repetition": a part repeated itself and was ended',
  );

/** A part of a text, in streams of tasks. */
export const taskDelta = z.strictObject({ object: z.literal('task.delta'), delta: z.string() });

/** Schema of the answer of task `name`: its own `fields`, with those that all tasks share around them. */
export function taskAnswer<Name extends string, Fields extends z.ZodRawShape>(
  name: Name,
  fields: Fields,
) {
  return z.strictObject({
    object: z.literal(`task.${name}`),
    model: z.string(),
    ...fields,
    usage: usageSchema.describe('of all generations together'),
    timings: timingsSchema,
    resources: resourcesSchema,
  });
}
