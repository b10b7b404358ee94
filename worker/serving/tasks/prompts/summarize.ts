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

/** Of a text, or of a part of a longer one: behind it a small model still knows what to do. */
export function summaryPrompt(text: string, { maxWords, style }: SummaryOptions): Message[] {
  return [user(`${text}\n\nSummarize this ${STYLES[style](maxWords)}.`)];
}

/** Of summaries of a text's parts. */
export function mergePrompt(notes: string, { maxWords, style }: SummaryOptions): Message[] {
  return [user(`${notes}\n\nSummarize these notes on one text ${STYLES[style](maxWords)}.`)];
}

const user = (content: string): Message => textMessage('user', content);
