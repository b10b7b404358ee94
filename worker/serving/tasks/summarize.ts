/**
 * Summaries of texts of any length: a text that fits the context is summarized at once; of a longer one
 * the pieces are, then their summaries together, until they fit.
 */
import { z } from 'zod';
import { compileRegex } from '../../../engine/grammar/index.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import {
  chunkCount,
  finishReason,
  taskAnswer,
  taskDelta,
  taskFields,
  textField,
} from './fields.ts';
import type { TaskReason } from './fields.ts';
import { answerTokens, chunksOf, defineTask, type TaskEvent } from './task.ts';
import type { TaskModel, TaskPrompt, WriteEvent } from './task-model.ts';
import { mergePrompt, summaryPrompt, type SummaryOptions } from './prompts/summarize.ts';
import { textOf } from '../../../engine/text/chunk-text.ts';

export const MAX_SUMMARY_WORDS = 2_000;
export const LENGTH_WORDS = { short: 40, medium: 100, long: 250 } as const;
export const MAX_BULLETS = 8;
/** Tokens of text that a summary's prompt must have room for. */
const LEAST_ROOM = 32;
/** A word, with the space and punctuation around it, seldom has more tokens. */
const TOKENS_PER_WORD = 3;
/** Within so many words of the limit, a sentence is shown when it is whole. */
const HELD_WORDS = 30;
/** The end of a sentence with what closes it, or of a line. */
const SENTENCE_END = /[.!?…。！？]["'”’)\]]*(?=\s|$)|\n/gu;
/** A piece's summary is at most the piece's length divided by this, so that each round leaves less. */
const PART_SHARE = 4;

const BULLETS: ConstraintRequest = {
  key: 'task.summarize.bullets',
  grammar: compileRegex(`- [^\\n\\s][^\\n]*(\\n- [^\\n\\s][^\\n]*){0,${MAX_BULLETS - 1}}`, 'style'),
};

const body = z
  .looseObject({
    ...taskFields,
    text: textField,
    length: z.enum(['short', 'medium', 'long']).default('medium'),
    max_words: z.number().int().min(1).max(MAX_SUMMARY_WORDS).optional(),
    style: z.enum(['paragraph', 'bullet']).default('paragraph'),
    stream: z.boolean().default(false),
  })
  .meta({ id: 'SummarizeRequest' });

const answer = taskAnswer('summarize', {
  summary: z.string(),
  finish_reason: finishReason,
  chunks: chunkCount,
  rounds: z.number().int().positive().describe('1 when the text was summarized at once'),
}).meta({ id: 'Summary' });

/** Events of a stream: parts of the summary, then the whole answer. */
export const summaryEvent = z.union([taskDelta, answer]);

export const summarize = defineTask({ name: 'summarize', body, answer, run });

type Body = z.output<typeof body>;

async function* run(model: TaskModel, body: Body): AsyncGenerator<TaskEvent, void, void> {
  const options = { maxWords: body.max_words ?? LENGTH_WORDS[body.length], style: body.style };
  const maxTokens = answerTokens(model, body.max_tokens, options.maxWords * TOKENS_PER_WORD + 16);
  const room = model.roomFor(promptOf(mergePrompt, '', options), maxTokens, LEAST_ROOM);
  let texts = await piecesOf(model, body.text, room);
  const nChunk = texts.length;
  let rounds = 1;
  for (; texts.length > 1; rounds++) {
    const notes = await sumUpEach(model, texts, options, room, rounds > 1);
    texts = await piecesOf(model, notes.join('\n\n'), room);
  }
  const prompt = promptOf(rounds === 1 ? summaryPrompt : mergePrompt, texts[0] ?? '', options);
  const constraint = body.style === 'bullet' ? BULLETS : null;
  let summary = '';
  let reason: TaskReason = 'length';
  const words = limitWords(model.write(prompt, { maxTokens, constraint }), options.maxWords);
  for await (const event of endAtSentence(words, options.maxWords)) {
    if (event.type === 'text') {
      const text = summary === '' ? event.text.trimStart() : event.text;
      summary += text;
      if (text !== '') yield { type: 'delta', text };
    } else ({ reason } = event);
  }
  // After the loop, which has ended the generation: its tokens are counted then.
  const end = { finish_reason: reason, chunks: nChunk, rounds };
  yield { type: 'done', answer: { summary: summary.trimEnd(), ...end } };
}

async function piecesOf(model: TaskModel, text: string, room: number): Promise<string[]> {
  const spans = await chunksOf(model, text, room);
  return spans.map((span) => textOf(text, span));
}

async function sumUpEach(
  model: TaskModel,
  texts: readonly string[],
  options: SummaryOptions,
  room: number,
  isNotes: boolean,
): Promise<string[]> {
  const maxTokens = Math.max(1, Math.floor(room / PART_SHARE));
  const maxWords = Math.max(options.maxWords, Math.floor(maxTokens / TOKENS_PER_WORD));
  const ask = isNotes ? mergePrompt : summaryPrompt;
  const prompts = texts.map((text) => ({
    ...promptOf(ask, text, { maxWords, style: 'paragraph' }),
    options: { maxTokens },
  }));
  const written = await model.writeEach(prompts);
  return written.map(({ text }) => text);
}

function promptOf(ask: typeof summaryPrompt, text: string, options: SummaryOptions): TaskPrompt {
  return { messages: ask(text, options), field: 'text' };
}

/** Ends a text after `maxWords` words. */
export async function* limitWords(
  events: AsyncIterable<WriteEvent>,
  maxWords: number,
): AsyncGenerator<WriteEvent, void, void> {
  let nWord = 0;
  let inWord = false;
  for await (const event of events) {
    if (event.type === 'done') {
      yield event;
      return;
    }
    let end = 0;
    for (const char of event.text) {
      const isSpace = /\s/.test(char);
      if (!isSpace && !inWord && char !== '-' && ++nWord > maxWords) break;
      inWord = !isSpace && (inWord || char !== '-');
      end += char.length;
    }
    if (end > 0) yield { type: 'text', text: event.text.slice(0, end) };
    // Leaving the loop ends the generation, and its tokens are counted.
    if (nWord > maxWords) break;
  }
  yield { type: 'done', reason: 'length' };
}

/** Leaves out the sentence that a limit cut off, unless most of it has been shown or it is the only one. */
export async function* endAtSentence(
  events: AsyncIterable<WriteEvent>,
  maxWords: number,
): AsyncGenerator<WriteEvent, void, void> {
  let held = '';
  let nWord = 0;
  let isAtEnd = false;
  for await (const event of events) {
    if (event.type === 'done') {
      const whole = sentencesEnd(held);
      const end = event.reason !== 'stop' && (isAtEnd || whole > 0) ? whole : held.length;
      if (end > 0) yield { type: 'text', text: held.slice(0, end) };
      yield event;
      return;
    }
    held += event.text;
    const isNear = nWord + wordCount(held) > maxWords - HELD_WORDS;
    // A stop at the very end of what is there may be that of "3.5".
    const end = isNear ? sentencesEnd(held.slice(0, -1)) : held.length;
    if (end === 0) continue;
    const text = held.slice(0, end);
    yield { type: 'text', text };
    nWord += wordCount(text);
    isAtEnd = isNear || sentencesEnd(text) >= text.trimEnd().length;
    held = held.slice(end);
  }
}

function wordCount(text: string): number {
  return text.match(/[^\s-]\S*/g)?.length ?? 0;
}

/** Where the last whole sentence or line ends; 0 when there is none. */
function sentencesEnd(text: string): number {
  const last = [...text.matchAll(SENTENCE_END)].at(-1);
  return last === undefined ? 0 : last.index + last[0].length;
}
