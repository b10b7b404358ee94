import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export interface RewriteWish {
  readonly instruction?: string | undefined;
  readonly tone?: string | undefined;
}

export function rewritePrompt(text: string, { instruction, tone }: RewriteWish): ChatMessage[] {
  const inTone = tone === undefined ? '' : ` in a ${tone} tone`;
  const how = instruction === undefined ? '' : ` ${instruction}`;
  const ask = `Rewrite this text${inTone}.${how} Write the new text only.`;
  return [{ role: 'user', content: `${ask}\n\n${text}` }];
}
