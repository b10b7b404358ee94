import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export interface SummaryWish {
  readonly maxWords: number;
  readonly style: 'paragraph' | 'bullet';
}

const STYLES = {
  paragraph: (maxWords: number) => `in one paragraph of at most ${maxWords} words`,
  bullet: (maxWords: number) => `as a list of short points, at most ${maxWords} words in all`,
} as const;

/** Of a text, or of a part of a longer one. */
export function summaryPrompt(text: string, { maxWords, style }: SummaryWish): ChatMessage[] {
  return [user(`Summarize this text ${STYLES[style](maxWords)}.\n\n${text}`)];
}

/** Of summaries of a text's parts. */
export function mergePrompt(notes: string, { maxWords, style }: SummaryWish): ChatMessage[] {
  const ask = `These notes sum up parts of one text. Summarize them ${STYLES[style](maxWords)}.`;
  return [user(`${ask}\n\n${notes}`)];
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
