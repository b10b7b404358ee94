import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

export interface Label {
  readonly label: string;
  readonly description?: string | undefined;
}

/**
 * The prompt after which labels are scored, given a text. The labels themselves are not listed: a
 * small model prefers one of a list whatever the text is (docs/tasks.md has the numbers).
 */
export function classifyPrompt(
  text: string,
  labels: readonly Label[],
  instruction = 'Describe this text with one word.',
): Message[] {
  const known = labels.filter(({ description }) => description !== undefined);
  const list = known.map(({ label, description }) => `\n${label}: ${description}`).join('');
  return [textMessage('user', `${text}\n\n${instruction}${list}`)];
}
