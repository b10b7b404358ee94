import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

/**
 * The prompt after which answers are scored. The text comes first, so that all questions about it find it in the KV
 * cache. Answers are not listed: a small model prefers one of a list whatever the text is (docs/tasks.md).
 */
export function decidePrompt(text: string, question: string): Message[] {
  return [textMessage('user', `${text}\n\n${question}`)];
}
