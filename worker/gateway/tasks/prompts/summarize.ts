import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export interface SummaryWish {
  readonly maxWords: number;
  readonly style: 'paragraph' | 'bullet';
}

const STYLES = {
  paragraph: (maxWords: number) => `in one paragraph of at most ${maxWords} words`,
  bullet: (maxWords: number) => `as a list of short points, at most ${maxWords} words in all`,
} as const;

/** Of a text, or of a part of a longer one. Behind a long text a small model still sees what to do. */
export function summaryPrompt(text: string, { maxWords, style }: SummaryWish): ChatMessage[] {
  return [user(`${text}\n\nSummarize the text above ${STYLES[style](maxWords)}.`)];
}

/** Of summaries of a text's parts. */
export function mergePrompt(notes: string, { maxWords, style }: SummaryWish): ChatMessage[] {
  const ask = `The notes above sum up parts of one text. Summarize them ${STYLES[style](maxWords)}.`;
  return [user(`${notes}\n\n${ask}`)];
}

const user = (content: string): ChatMessage => ({ role: 'user', content });
