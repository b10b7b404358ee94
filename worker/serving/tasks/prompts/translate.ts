import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export interface Languages {
  readonly target: string;
  readonly source?: string | undefined;
}

export function translatePrompt(text: string, { target, source }: Languages): ChatMessage[] {
  const from = source === undefined ? '' : ` from ${source}`;
  const ask = `Translate this text${from} to ${target}. Write the translation only.`;
  return [{ role: 'user', content: `${ask}\n\n${text}` }];
}
