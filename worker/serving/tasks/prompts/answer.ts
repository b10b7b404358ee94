import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

/** What follows is the question, as likely as the sentence makes it. */
export function questionPrompt(sentence: string): Message[] {
  return [textMessage('user', `${sentence}\n\nAsk a question about this text.`)];
}

export function answerPrompt(quotes: readonly string[], question: string): Message[] {
  const ask = 'Answer with the text above only, in one short sentence.';
  const content = `${quotes.join('\n')}\n\nQuestion: ${question}\n${ask}`;
  return [textMessage('user', content)];
}
