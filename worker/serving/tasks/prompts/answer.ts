import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

/** What follows is the question, as likely as the sentence makes it. */
export function questionPrompt(sentence: string): ChatMessage[] {
  return [{ role: 'user', content: `${sentence}\n\nAsk a question about this text.` }];
}

export function answerPrompt(quotes: readonly string[], question: string): ChatMessage[] {
  const ask = 'Answer with the text above only, in one short sentence.';
  const content = `${quotes.join('\n')}\n\nQuestion: ${question}\n${ask}`;
  return [{ role: 'user', content }];
}
