/** The bodies of POST /v1/messages and count_tokens in Anthropic's shape, and their answers. */
import { z } from 'zod';
import type { ChatMessage } from '../../../engine/text/chat-template.ts';
import { resourcesSchema, timingsSchema } from './answers.ts';
import { MAX_MESSAGES, textPart } from './chat.ts';
import { count, generationFields, MAX_MAX_TOKENS, passiveFields, strictField } from './common.ts';

const text = z
  .union([z.string(), z.array(textPart)], 'expected a text or an array of text blocks')
  .transform((content) =>
    typeof content === 'string' ? content : content.map((block) => block.text).join(''),
  );

const message = z.looseObject({ role: z.enum(['user', 'assistant']), content: text });

const conversationFields = {
  model: generationFields.model,
  system: text.optional(),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  strict: strictField,
};

// All that chat has and messages name in the same words, whatever else it may get.
const { stream_options: _streamOptions, stop, user: _user, ...sharedFields } = generationFields;
const { metadata, service_tier } = passiveFields;

export const messagesBodySchema = z
  .looseObject({
    ...sharedFields,
    ...conversationFields,
    metadata,
    service_tier,
    max_tokens: count.min(1).max(MAX_MAX_TOKENS),
    stop_sequences: stop,
  })
  .meta({ id: 'MessagesRequest' });

export const countTokensBodySchema = z
  .looseObject(conversationFields)
  .meta({ id: 'CountTokensRequest' });

export type MessagesBody = z.output<typeof messagesBodySchema>;

/** As the API has it: turns of one role that follow each other are one, the last may be begun. */
export function conversationOf({ system, messages }: z.output<typeof countTokensBodySchema>): {
  messages: ChatMessage[];
  prefill: string;
} {
  const turns: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
  for (const { role, content } of messages) {
    const last = turns.at(-1);
    if (last?.role !== role) turns.push({ role, content });
    else turns[turns.length - 1] = { role, content: `${last.content}\n${content}` };
  }
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return { messages: turns, prefill: '' };
  return { messages: turns.slice(0, -1), prefill: last.content };
}

const usageSchema = z
  .strictObject({
    input_tokens: count.describe('without those read from the cache'),
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
    output_tokens: count,
  })
  .meta({ id: 'MessagesUsage' });
const stopReason = z.enum(['end_turn', 'max_tokens', 'stop_sequence']);
const textBlock = z.strictObject({ type: z.literal('text'), text: z.string() });

const messageFields = {
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(textBlock),
  stop_reason: stopReason.nullable(),
  stop_sequence: z.string().nullable(),
  usage: usageSchema,
};

export const messageSchema = z
  .strictObject({ ...messageFields, timings: timingsSchema, resources: resourcesSchema })
  .meta({ id: 'Message' });

export const messageEventSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('message_start'), message: z.strictObject(messageFields) }),
    z.strictObject({
      type: z.literal('content_block_start'),
      index: count,
      content_block: textBlock,
    }),
    z.strictObject({
      type: z.literal('content_block_delta'),
      index: count,
      delta: z.strictObject({ type: z.literal('text_delta'), text: z.string() }),
    }),
    z.strictObject({ type: z.literal('content_block_stop'), index: count }),
    z.strictObject({
      type: z.literal('message_delta'),
      delta: z.strictObject({ stop_reason: stopReason, stop_sequence: z.string().nullable() }),
      usage: usageSchema,
      timings: timingsSchema,
      resources: resourcesSchema,
    }),
    z.strictObject({ type: z.literal('message_stop') }),
  ])
  .meta({ id: 'MessageEvent' });

export type MessageJson = z.output<typeof messageSchema>;
export type MessageEventJson = z.output<typeof messageEventSchema>;
