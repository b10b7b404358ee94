import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

export interface RewriteOptions {
  readonly instruction?: string | undefined;
  readonly tone?: string | undefined;
}

export function rewritePrompt(text: string, { instruction, tone }: RewriteOptions): Message[] {
  const inTone = tone === undefined ? '' : ` in a ${tone} tone`;
  const how = instruction === undefined ? '' : ` ${instruction}`;
  const ask = `Rewrite this text${inTone}.${how} Write the new text only.`;
  return [textMessage('user', `${ask}\n\n${text}`)];
}
