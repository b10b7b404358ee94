/**
 * Answers to a question over given passages, with the sentences they are taken from. A sentence is
 * chosen by how much more likely it makes the question than texts without content do (the query
 * likelihood of Ponte and Croft 1998; with language models Sachan et al. 2022, arXiv 2204.07496), so
 * that a quotation is a span of a passage, never something a model wrote.
 */
import { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import { chunkText, sentencesOf, type Span, textOf } from '../../../engine/text/chunk-text.ts';
import {
  finishReason,
  lineField,
  MAX_TEXT_CHARS,
  someText,
  taskAnswer,
  taskFields,
} from './fields.ts';
import { answerPrompt, questionPrompt } from './prompts/answer.ts';
import { CONTENT_FREE_TEXTS } from './prompts/content-free.ts';
import { answerTokens, defineWholeTask } from './task.ts';
import { mean, type TaskModel, type TaskPrompt, type Written } from './task-model.ts';
import { refuseAt, whole } from '../fields/refuse-at.ts';

export const MAX_PASSAGES = 256;
/** Most sentences of all passages together: each is evaluated separately. */
export const MAX_SENTENCES = 500;
/** Longer sentences are quoted in parts. */
export const MAX_SENTENCE_TOKENS = 128;
export const MAX_QUESTION_CHARS = 2_000;
export const MAX_QUOTES = 5;
/** Nats per token of the question that a sentence must gain over a text without content. */
export const DEFAULT_MIN_GAIN = 0.75;
const MAX_MIN_GAIN = 100;
const LIKELY_TOKENS = 100;
const LEAST_ROOM = 16;

const body = z
  .looseObject({
    ...taskFields,
    question: lineField(MAX_QUESTION_CHARS),
    passages: z.array(someText(MAX_TEXT_CHARS)).min(1).max(MAX_PASSAGES),
    max_quotes: z.number().int().min(1).max(MAX_QUOTES).default(1),
    min_gain: z.number().min(-MAX_MIN_GAIN).max(MAX_MIN_GAIN).default(DEFAULT_MIN_GAIN),
  })
  .superRefine(
    whole(({ passages }, context) => {
      const nChar = passages.reduce((sum, { length }) => sum + length, 0);
      if (nChar > MAX_TEXT_CHARS)
        refuseAt(context, ['passages'], `expected at most ${MAX_TEXT_CHARS} characters in all`);
    }),
  )
  .meta({ id: 'AnswerRequest' });

const count = z.number().int().nonnegative();
const answerSchema = taskAnswer('answer', {
  found: z.boolean().describe('false: no sentence gains "min_gain"'),
  answer: z.string().nullable(),
  quotes: z
    .array(
      z.strictObject({
        text: z.string(),
        passage: count.describe('index in passages'),
        start: count.describe('in UTF-16 units of the passage, as in JavaScript'),
        end: count,
        gain: z.number().describe('nats per token by which it makes the question more likely'),
      }),
    )
    .describe(
      'sources of the answer, the best first; each text is passages[passage].slice(start, end)',
    ),
  best_gain: z.number().describe('highest gain of any sentence'),
  finish_reason: finishReason,
  sentences: z.number().int().positive().describe('number of sentences compared'),
}).meta({ id: 'QuotedAnswer' });

export const answer = defineWholeTask({ name: 'answer', body, answer: answerSchema, run });

interface Sentence extends Span {
  readonly text: string;
  readonly passage: number;
}

interface Quote extends Sentence {
  readonly gain: number;
}

async function run(model: TaskModel, request: z.output<typeof body>): Promise<object> {
  const { passages, question, max_quotes: maxQuotes, min_gain: minGain } = request;
  const maxTokens = answerTokens(model, request.max_tokens, LIKELY_TOKENS);
  const nQuestion = model.countTokens(question);
  const rooms = [
    model.roomFor(questionAfter(''), nQuestion, LEAST_ROOM),
    Math.floor(model.roomFor(answerFrom([], question), maxTokens, LEAST_ROOM) / maxQuotes),
  ];
  const sentences = listSentences(model, passages, Math.min(MAX_SENTENCE_TOKENS, ...rooms));
  const gains = await gainsOf(model, sentences, question);
  const ranked = sentences
    .map((sentence, i): Quote => ({ ...sentence, gain: gains[i]! }))
    .sort((a, b) => b.gain - a.gain);
  const quotes = ranked.slice(0, maxQuotes).filter(({ gain }) => gain >= minGain);
  const found = quotes.length > 0;
  const written = found ? await writeAnswer(model, quotes, question, maxTokens) : null;
  return {
    found,
    answer: written?.text ?? null,
    quotes,
    best_gain: ranked[0]!.gain,
    finish_reason: written?.reason ?? 'stop',
    sentences: sentences.length,
  };
}

/** @throws {EngineError} E_REQUEST_INVALID when there are too many */
function listSentences(
  { countTokens }: TaskModel,
  passages: readonly string[],
  maxTokens: number,
): Sentence[] {
  const sentences = passages.flatMap((whole, passage) =>
    sentencesOf(whole).flatMap((sentence) =>
      chunkText(textOf(whole, sentence), maxTokens, countTokens).map((part): Sentence => {
        const span = { start: sentence.start + part.start, end: sentence.start + part.end };
        return { ...span, text: textOf(whole, span), passage };
      }),
    ),
  );
  if (sentences.length <= MAX_SENTENCES) return sentences;
  throw invalidField(
    'passages',
    `have ${sentences.length} sentences; expected at most ${MAX_SENTENCES}. Send the ` +
      'passages that a search found',
    { details: { nSentence: sentences.length, maxSentences: MAX_SENTENCES } },
  );
}

/** Gain of each sentence: mean nats by which it makes the question's tokens more likely. */
async function gainsOf(
  model: TaskModel,
  sentences: readonly Sentence[],
  question: string,
): Promise<number[]> {
  const tokens = model.host.model.tokenizer.encode(question, { special: false });
  const scoreAfter = async (text: string, signal: AbortSignal): Promise<number> =>
    mean(await model.score(await model.encode(questionAfter(text)), tokens, 'passages', signal));
  const texts = [...CONTENT_FREE_TEXTS, ...sentences.map(({ text }) => text)];
  const scores = await model.inParallel(texts, scoreAfter);
  const nFree = CONTENT_FREE_TEXTS.length;
  const base = mean(scores.slice(0, nFree));
  return scores.slice(nFree).map((score) => score - base);
}

async function writeAnswer(
  model: TaskModel,
  quotes: readonly Quote[],
  question: string,
  maxTokens: number,
): Promise<Written> {
  const inOrder = quotes.toSorted((a, b) => a.passage - b.passage || a.start - b.start);
  const texts = inOrder.map(({ text }) => text);
  return await model.writeAll(answerFrom(texts, question), { maxTokens, stops: ['\n'] });
}

function questionAfter(sentence: string): TaskPrompt {
  return { messages: questionPrompt(sentence), field: 'passages' };
}

function answerFrom(quotes: readonly string[], question: string): TaskPrompt {
  return { messages: answerPrompt(quotes, question), field: 'question' };
}
