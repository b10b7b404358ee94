import type { ChatMessage } from '../../../../engine/text/chat-template.ts';

export function extractPrompt(text: string, schema: object, instruction = ''): ChatMessage[] {
  const ask = 'Extract data from the text as JSON of this schema. Use only what the text says.';
  const more = instruction === '' ? '' : `\n${instruction}`;
  const content = `${ask}${more}\n\nSchema: ${JSON.stringify(schema)}\n\nText: ${text}`;
  return [{ role: 'user', content }];
}
