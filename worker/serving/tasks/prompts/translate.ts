import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

export interface Languages {
  readonly target: string;
  readonly source?: string | undefined;
}

export function translatePrompt(text: string, { target, source }: Languages): Message[] {
  const from = source === undefined ? '' : ` from ${source}`;
  const ask = `Translate this text${from} to ${target}. Write the translation only.`;
  return [textMessage('user', `${ask}\n\n${text}`)];
}
