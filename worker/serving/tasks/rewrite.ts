/** Rewrites a text by an instruction, a tone or both; long texts in pieces. */
import { z } from 'zod';
import {
  chunkCount,
  finishReason,
  lineField,
  MAX_INSTRUCTION_CHARS,
  someText,
  taskAnswer,
  taskFields,
  textField,
} from './fields.ts';
import { answerTokens, chunksOf, defineWholeTask, replaceSpans, worstReason } from './task.ts';
import { textOf } from '../../../engine/text/chunk-text.ts';
import type { TaskModel, TaskPrompt } from './task-model.ts';
import { rewritePrompt, type RewriteOptions } from './prompts/rewrite.ts';
import { refuseAt, whole } from '../fields/refuse-at.ts';

export const MAX_TONE_CHARS = 100;
const LEAST_ROOM = 32;

const body = z
  .looseObject({
    ...taskFields,
    text: textField,
    instruction: someText(MAX_INSTRUCTION_CHARS).optional(),
    tone: lineField(MAX_TONE_CHARS).optional(),
  })
  .superRefine(
    whole((fields, context) => {
      if (fields.instruction !== undefined || fields.tone !== undefined) return;
      refuseAt(context, ['instruction'], 'expected it, or "tone", to say how to rewrite the text');
    }),
  )
  .meta({ id: 'RewriteRequest' });

const answer = taskAnswer('rewrite', {
  text: z.string(),
  finish_reason: finishReason,
  chunks: chunkCount,
}).meta({ id: 'RewrittenText' });

export const rewrite = defineWholeTask({ name: 'rewrite', body, answer, run });

async function run(model: TaskModel, request: z.output<typeof body>): Promise<object> {
  const maxTokens = answerTokens(model, request.max_tokens, model.host.nCtx);
  // A rewritten piece is about as long as the piece.
  const room = model.roomFor(promptOf('', request), maxTokens, LEAST_ROOM);
  const chunks = await chunksOf(
    model,
    request.text,
    Math.min(room, Math.max(LEAST_ROOM, maxTokens)),
  );
  const prompts = chunks.map((chunk) => ({
    ...promptOf(textOf(request.text, chunk), request),
    options: { maxTokens },
  }));
  const written = await model.writeEach(prompts);
  const parts = written.map(({ text }) => text);
  return {
    text: replaceSpans(request.text, chunks, parts).trim(),
    finish_reason: worstReason(written),
    chunks: chunks.length,
  };
}

function promptOf(text: string, options: RewriteOptions): TaskPrompt {
  return { messages: rewritePrompt(text, options), field: 'text' };
}
