/**
 * Answers to a question over given passages, each with quotations. A grammar lets the model quote
 * only runs of words of one sentence of the passages, so what is quoted is there; where is looked up.
 */
import { z } from 'zod';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import {
  finishReason,
  lineField,
  MAX_TEXT_CHARS,
  someText,
  taskEnd,
  taskFields,
} from './fields.ts';
import { answerTokens, defineTask, inOnePiece, refuseTooMany } from './task.ts';
import type { TaskModel, TaskPrompt, Written } from './task-model.ts';
import { answerPrompt } from './prompts/answer.ts';
import {
  groupPieces,
  locateQuote,
  piecesOf,
  type Piece,
  quoteGrammar,
  readQuotes,
} from './quotes.ts';

export const MAX_PASSAGES = 256;
export const MAX_QUESTION_CHARS = 2_000;
export const MAX_QUOTES = 5;
const LIKELY_TOKENS = 200;
const LEAST_ROOM = 32;

const body = z
  .looseObject({
    ...taskFields,
    question: lineField(MAX_QUESTION_CHARS),
    passages: z.array(someText(MAX_TEXT_CHARS)).min(1).max(MAX_PASSAGES),
    max_quotes: z.number().int().min(1).max(MAX_QUOTES).default(1),
  })
  .superRefine(({ passages }, context) => {
    const nChar = passages.reduce((sum, { length }) => sum + length, 0);
    const message = `expected at most ${MAX_TEXT_CHARS} characters in all`;
    if (nChar > MAX_TEXT_CHARS) context.addIssue({ code: 'custom', path: ['passages'], message });
  })
  .meta({ id: 'AnswerRequest' });

const count = z.number().int().nonnegative();
const answerSchema = z
  .strictObject({
    object: z.literal('task.answer'),
    model: z.string(),
    found: z.boolean().describe('false: the model says that the passages do not tell'),
    answer: z.string().nullable(),
    quotes: z.array(
      z.strictObject({
        text: z.string(),
        passage: count.describe('index in passages'),
        start: count.describe('in UTF-16 units of the passage, as JavaScript counts'),
        end: count,
      }),
    ),
    finish_reason: finishReason,
    chunks: z.number().int().positive().describe('groups of passages that were asked alone'),
    ...taskEnd,
  })
  .meta({ id: 'QuotedAnswer' });

export const answer = defineTask({
  ...{ name: 'answer', body, answer: answerSchema },
  run: (model, wish) => inOnePiece(run(model, wish)),
});

async function run(model: TaskModel, wish: z.output<typeof body>): Promise<object> {
  const { question, max_quotes: maxQuotes } = wish;
  // As the tokenizer sees them: half pairs could not be quoted.
  const passages = wish.passages.map((passage) => passage.toWellFormed());
  const promptOf = (pieces: readonly Piece[]): TaskPrompt => ({
    messages: answerPrompt(
      pieces.map(({ text }) => text),
      question,
    ),
    field: 'passages',
  });
  const maxTokens = answerTokens(model, wish.max_tokens, LIKELY_TOKENS);
  const room = model.roomFor(promptOf([]), maxTokens, LEAST_ROOM);
  const groups = groupPieces(piecesOf(passages, room, model.countTokens), room);
  refuseTooMany(groups.length, room, 'passages');
  const prompts = groups.map((pieces) => ({
    ...promptOf(pieces),
    options: { maxTokens, constraint: constraintOf(pieces, maxQuotes) },
  }));
  const best = mostLikely(await model.writeEach(prompts));
  const { answer: text, quotes } = readQuotes(best.text);
  return {
    found: text !== null,
    answer: text,
    quotes: quotes.map((quote) => locateQuote(passages, quote)),
    finish_reason: best.reason,
    chunks: groups.length,
  };
}

/** Grammars are compared by key: the texts that may be quoted are it. */
function constraintOf(pieces: readonly Piece[], maxQuotes: number): ConstraintRequest {
  const texts = pieces.map(({ text }) => text);
  const key = `task.answer:${JSON.stringify([maxQuotes, texts])}`;
  return { key, grammar: quoteGrammar(texts, maxQuotes) };
}

/** Of the groups that found something the one the model was surest of; else the first. */
function mostLikely(written: readonly Written[]): Written {
  const found = written.filter(({ text }) => readQuotes(text).answer !== null);
  const rows = found.length > 0 ? found : written;
  return rows.reduce((a, b) => (b.meanLogprob > a.meanLogprob ? b : a));
}
