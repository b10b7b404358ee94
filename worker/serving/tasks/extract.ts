/** Extracts data from a text as JSON of a schema; long texts in pieces, merged by merge-json.ts. */
import { z } from 'zod';
import { compileConstraint } from '../output/constraint.ts';
import { jsonSchema } from '../fields/output.ts';
import {
  chunkCount,
  finishReason,
  MAX_INSTRUCTION_CHARS,
  someText,
  taskAnswer,
  taskFields,
  textField,
} from './fields.ts';
import { answerTokens, chunksOf, defineWholeTask, worstReason } from './task.ts';
import { textOf } from '../../../engine/text/chunk-text.ts';
import { jsonJudge, mergeJson } from './merge-json.ts';
import type { TaskModel, TaskPrompt } from './task-model.ts';
import { extractPrompt } from './prompts/extract.ts';

/** Most tokens of the JSON of one piece, unless the request says it. */
const LIKELY_TOKENS = 512;
const LEAST_ROOM = 32;

const body = z
  .looseObject({
    ...taskFields,
    text: textField,
    schema: jsonSchema,
    instruction: someText(MAX_INSTRUCTION_CHARS).optional(),
  })
  .meta({ id: 'ExtractRequest' });

const answer = taskAnswer('extract', {
  data: z.unknown().describe('satisfies the schema'),
  finish_reason: finishReason,
  chunks: chunkCount,
  left_out: z
    .number()
    .int()
    .nonnegative()
    .describe('pieces whose data could not be merged without breaking the schema'),
}).meta({ id: 'ExtractedData' });

export const extract = defineWholeTask({ name: 'extract', body, answer, run });

async function run(model: TaskModel, request: z.output<typeof body>): Promise<object> {
  const { text, schema, instruction } = request;
  const source = { kind: 'schema', source: schema, param: 'schema' } as const;
  const constraint = compileConstraint(source, null, null)!;
  const promptOf = (part: string): TaskPrompt => ({
    messages: extractPrompt(part, schema, instruction),
    field: 'text',
  });
  const maxTokens = answerTokens(model, request.max_tokens, LIKELY_TOKENS);
  const room = model.roomFor(promptOf(''), maxTokens, LEAST_ROOM);
  const chunks = await chunksOf(model, text, room);
  const prompts = chunks.map((chunk) => ({
    ...promptOf(textOf(text, chunk)),
    options: { maxTokens, constraint },
  }));
  const written = await model.writeEach(prompts);
  const parts = written.map((part): unknown => JSON.parse(part.text));
  const { data, nLeftOut } = mergeJson(parts, jsonJudge(constraint.grammar));
  return {
    data,
    finish_reason: worstReason(written),
    chunks: chunks.length,
    left_out: nLeftOut,
  };
}
