/**
 * Translates line by line, long lines by sentences. Line breaks, indents, the marks of lists,
 * headings and quotes, code fences and lines without letters stay as they are.
 */
import { z } from 'zod';
import {
  chunkCount,
  finishReason,
  lineField,
  taskAnswer,
  taskFields,
  textField,
} from './fields.ts';
import { answerTokens, defineWholeTask, refuseTooMany, replaceSpans, worstReason } from './task.ts';
import { chunkText, textOf, type Span } from '../../../engine/text/chunk-text.ts';
import type { TaskModel, TaskPrompt } from './task-model.ts';
import { translatePrompt, type Languages } from './prompts/translate.ts';

export const MAX_LANGUAGE_CHARS = 60;
/** Most tokens of one piece: small models go astray in longer ones. */
export const MAX_PIECE_TOKENS = 200;
const LEAST_ROOM = 16;
/** A translation seldom has more tokens per token of its text. */
const GROWTH = 3;
const MARKS = /^\s*(?:(?:[-*+>]|#{1,6}|\d{1,4}[.)])\s+)*/;
const FENCE = /^\s*(?:```|~~~)/;

const body = z
  .looseObject({
    ...taskFields,
    text: textField,
    target: lineField(MAX_LANGUAGE_CHARS),
    source: lineField(MAX_LANGUAGE_CHARS).optional(),
  })
  .meta({ id: 'TranslateRequest' });

const answer = taskAnswer('translate', {
  translation: z.string(),
  finish_reason: finishReason,
  chunks: chunkCount,
}).meta({ id: 'Translation' });

export const translate = defineWholeTask({ name: 'translate', body, answer, run });

async function run(model: TaskModel, request: z.output<typeof body>): Promise<object> {
  const { text } = request;
  const most = answerTokens(model, request.max_tokens, MAX_PIECE_TOKENS * GROWTH);
  const room = model.roomFor(promptOf('', request), most, LEAST_ROOM);
  const size = Math.min(room, MAX_PIECE_TOKENS, request.max_tokens ?? Infinity);
  const pieces = proseOf(text).flatMap((line) =>
    chunkText(textOf(text, line), size, model.countTokens).map(({ start, end }) => ({
      start: line.start + start,
      end: line.start + end,
    })),
  );
  refuseTooMany(pieces.length, size);
  const prompts = pieces.map((piece) => ({
    ...promptOf(textOf(text, piece), request),
    // The translation of a line is one line.
    options: { maxTokens: most, stops: ['\n'] },
  }));
  const written = await model.writeEach(prompts);
  const parts = written.map((part) => part.text);
  return {
    translation: replaceSpans(text, pieces, parts),
    finish_reason: worstReason(written),
    chunks: Math.max(1, pieces.length),
  };
}

/** Spans of a text to translate: lines with letters, after their marks. */
export function proseOf(text: string): Span[] {
  const spans: Span[] = [];
  let isCode = false;
  let start = 0;
  for (const line of text.split('\n')) {
    const end = start + line.length;
    const isFence = FENCE.test(line);
    if (isFence) isCode = !isCode;
    const marks = MARKS.exec(line)?.[0].length ?? 0;
    if (!isFence && !isCode && /\p{L}/u.test(line)) spans.push({ start: start + marks, end });
    start = end + 1;
  }
  return spans;
}

function promptOf(text: string, request: Languages): TaskPrompt {
  return { messages: translatePrompt(text, request), field: 'text' };
}
