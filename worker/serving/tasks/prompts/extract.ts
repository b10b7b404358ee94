import { textMessage } from '../../conversation/message.ts';
import type { Message } from '../../conversation/message.ts';

export function extractPrompt(text: string, schema: object, instruction = ''): Message[] {
  const ask = 'Extract data from the text as JSON of this schema. Use only what the text says.';
  const more = instruction === '' ? '' : `\n${instruction}`;
  const content = `${ask}${more}\n\nSchema: ${JSON.stringify(schema)}\n\nText: ${text}`;
  return [textMessage('user', content)];
}
