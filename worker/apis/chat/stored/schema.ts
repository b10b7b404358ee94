/** Stored chat completions in OpenAI's shapes. */
import { z } from 'zod';
import { chatCompletionSchema } from '../../../serving/fields/answers.ts';
import type { ChatCompletionJson } from '../answer-chat.ts';

export const storedCompletionSchema = chatCompletionSchema
  .extend({ metadata: z.record(z.string(), z.string()) })
  .meta({ id: 'StoredChatCompletion' });

export type StoredCompletionJson = ChatCompletionJson & {
  readonly metadata: Readonly<Record<string, string>>;
};

export const storedMessageSchema = z
  .strictObject({
    id: z.string(),
    role: z.enum(['system', 'user', 'assistant', 'tool']),
    content: z.string().describe('its texts; images and sounds are not kept'),
    refusal: z.null(),
    name: z.string().optional(),
    tool_call_id: z.string().optional(),
    tool_calls: z.array(z.looseObject({ id: z.string() })).optional(),
  })
  .meta({ id: 'StoredChatMessage' });

export type StoredMessageJson = z.output<typeof storedMessageSchema>;
