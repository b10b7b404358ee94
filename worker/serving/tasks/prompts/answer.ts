import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

/** The prompt after which a question is scored, given a sentence. */
export function questionPrompt(sentence: string): Message[] {
  return [textMessage('user', `${sentence}\n\nAsk a question about this text.`)];
}

export function answerPrompt(quotes: readonly string[], question: string): Message[] {
  const ask = 'Answer with the text above only, in one short sentence.';
  const content = `${quotes.join('\n')}\n\nQuestion: ${question}\n${ask}`;
  return [textMessage('user', content)];
}
