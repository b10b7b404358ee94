import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

/** What the answer says where the passages do not. */
export const NOT_FOUND = 'Not found';
export const QUOTE_HEAD = 'Quote: "';
export const QUOTE_TAIL = '"\n';
export const ANSWER_HEAD = 'Answer: ';

export function answerPrompt(passages: readonly string[], question: string): ChatMessage[] {
  const ask =
    'Answer the question with the passages only. First quote the words that answer it, ' +
    `then answer in one sentence. If the passages do not tell, write "${NOT_FOUND}".`;
  const content = `${passages.join('\n\n')}\n\n${ask}\n\nQuestion: ${question}`;
  return [{ role: 'user', content }];
}
