import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

export interface SummaryOptions {
  readonly maxWords: number;
  readonly style: 'paragraph' | 'bullet';
}

const STYLES = {
  paragraph: (maxWords: number) => `in at most ${maxWords} words`,
  bullet: (maxWords: number) => `as a list of short points, in at most ${maxWords} words`,
} as const;

/** Summarizes a text, or a part of a longer one. The task comes last, where small models heed it. */
export function summaryPrompt(text: string, { maxWords, style }: SummaryOptions): Message[] {
  return [user(`${text}\n\nSummarize this ${STYLES[style](maxWords)}.`)];
}

/** Summarizes the summaries of a text's parts. */
export function mergePrompt(notes: string, { maxWords, style }: SummaryOptions): Message[] {
  return [user(`${notes}\n\nSummarize these notes on one text ${STYLES[style](maxWords)}.`)];
}

const user = (content: string): Message => textMessage('user', content);
