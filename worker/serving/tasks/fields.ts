/** Fields that bodies and answers of tasks share, and their limits. */
import { z } from 'zod';
import { resourcesSchema, timingsSchema, usageSchema } from '../fields/answers.ts';
import { count, MAX_MAX_TOKENS, modelField, strictField } from '../fields/common.ts';
import { samplingFields } from '../fields/sampling.ts';

/** Of a text, or of all passages together: about a hundred contexts of 2,048 tokens. */
export const MAX_TEXT_CHARS = 500_000;
export const MAX_INSTRUCTION_CHARS = 2_000;
/** Pieces that one request may cut its text into. */
export const MAX_CHUNKS = 400;

/** Ends the check: what compares fields sees only those that are right. */
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
  strict: strictField,
};
export type TaskFields = Partial<z.output<z.ZodObject<typeof taskFields>>>;

export const textField = someText(MAX_TEXT_CHARS);

/** One line, as it stands in a prompt. */
export const lineField = (maxChars: number) =>
  someText(maxChars).refine((text) => !/[\n\r]/.test(text), {
    error: 'expected a text of one line',
    abort: true,
  });

export const chunkCount = z.number().int().positive().describe('pieces the text was cut into');
export const finishReason = z
  .enum(['stop', 'length'])
  .describe('"length": a part of it ended for want of tokens');

/** The answer of the task `name`: its own `fields`, between what it is and what it took. */
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
