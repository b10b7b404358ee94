/** The bodies of POST /v1/messages and count_tokens in Anthropic's shape, and their answers. */
import { z } from 'zod';
import { resourcesSchema, timingsSchema } from '../../serving/fields/answers.ts';
import { callId, MAX_MESSAGES } from '../chat/schema.ts';
import { textPartSchema } from '../../serving/fields/content.ts';
import {
  count,
  generationFields,
  MAX_MAX_TOKENS,
  passiveFields,
  strictField,
} from '../../serving/fields/common.ts';
import { messagesPassiveFields } from '../../serving/fields/passive.ts';
import { messagesOutputFields, messagesToolFields, toolName } from '../../serving/fields/output.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';
import { imagesSchema, visionField } from '../../serving/vision/fields.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';

const textBlock = z.object({ type: z.literal('text'), text: z.string() });
const texts = z.union(
  [z.string(), z.array(textPartSchema)],
  'expected a text or an array of text blocks',
);
const text = texts.transform(joined);

function joined(content: z.output<typeof texts>): string {
  return typeof content === 'string' ? content : content.map((block) => block.text).join('');
}

const imageBlock = z.looseObject({
  type: z.literal('image'),
  source: z
    .discriminatedUnion('type', [
      z.looseObject({
        type: z.literal('base64'),
        media_type: z.string().max(80),
        data: z.string(),
      }),
      z.looseObject({ type: z.literal('url'), url: z.string() }),
    ])
    .optional(),
});
const toolUseBlock = z.looseObject({
  type: z.literal('tool_use'),
  id: callId,
  name: toolName,
  input: z.record(z.string(), z.unknown()),
});
const toolResultBlock = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: callId,
  content: text.optional(),
  is_error: z.boolean().optional(),
});
const block = z.discriminatedUnion(
  'type',
  [textBlock, imageBlock, toolUseBlock, toolResultBlock],
  'expected a block of type "text", "image", "tool_use" or "tool_result"; other blocks are not supported yet',
);

/** The only role that may send a type of block. */
const SENDERS: Readonly<Record<string, string>> = {
  tool_use: 'assistant',
  tool_result: 'user',
  image: 'user',
};

const message = z
  .looseObject({
    role: z.enum(['user', 'assistant']),
    content: z.union([z.string(), z.array(block)], 'expected a text or an array of blocks'),
  })
  .superRefine(
    whole(({ role, content }, context) => {
      if (typeof content === 'string') return;
      for (const [i, { type }] of content.entries()) {
        const sender = SENDERS[type] ?? role;
        if (sender === role) continue;
        refuseAt(
          context,
          ['content', i, 'type'],
          `expected "${type}" only in messages of role "${sender}"`,
        );
      }
    }),
  );

const conversationFields = {
  model: generationFields.model,
  system: text.optional(),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  ...messagesToolFields,
  vision: visionField,
  strict: strictField,
};

// Every field of chat that messages share under the same name.
const { stream_options: _streamOptions, stop, user: _user, ...sharedFields } = generationFields;
const { metadata, service_tier } = passiveFields;

export const messagesBodySchema = z
  .looseObject({
    ...sharedFields,
    ...conversationFields,
    ...messagesOutputFields,
    ...messagesPassiveFields,
    metadata,
    service_tier,
    max_tokens: count.min(1).max(MAX_MAX_TOKENS),
    redact: redactField,
    stop_sequences: stop,
  })
  .meta({ id: 'MessagesRequest' });

export const countTokensBodySchema = z
  .looseObject(conversationFields)
  .meta({ id: 'CountTokensRequest' });

export type MessagesBody = z.output<typeof messagesBodySchema>;
export type Conversation = Pick<z.output<typeof countTokensBodySchema>, 'system' | 'messages'>;
export type MessageBlock = z.output<typeof block>;

const usageSchema = z
  .strictObject({
    input_tokens: count.describe('tokens of the prompt, without those read from the cache'),
    cache_creation_input_tokens: count,
    cache_read_input_tokens: count,
    output_tokens: count,
  })
  .meta({ id: 'MessagesUsage' });
const stopReason = z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'refusal']);
const answerBlock = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
]);

const messageFields = {
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(answerBlock),
  stop_reason: stopReason.nullable(),
  stop_sequence: z.string().nullable(),
  usage: usageSchema,
};

export const messageSchema = z
  .strictObject({
    ...messageFields,
    timings: timingsSchema,
    resources: resourcesSchema,
    images: imagesSchema.optional(),
  })
  .meta({ id: 'Message' });

export const messageEventSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('message_start'), message: z.strictObject(messageFields) }),
    z.strictObject({
      type: z.literal('content_block_start'),
      index: count,
      content_block: answerBlock,
    }),
    z.strictObject({
      type: z.literal('content_block_delta'),
      index: count,
      delta: z.discriminatedUnion('type', [
        z.strictObject({ type: z.literal('text_delta'), text: z.string() }),
        z.strictObject({ type: z.literal('input_json_delta'), partial_json: z.string() }),
      ]),
    }),
    z.strictObject({ type: z.literal('content_block_stop'), index: count }),
    z.strictObject({
      type: z.literal('message_delta'),
      delta: z.strictObject({ stop_reason: stopReason, stop_sequence: z.string().nullable() }),
      usage: usageSchema,
      timings: timingsSchema,
      resources: resourcesSchema,
      images: imagesSchema.optional(),
    }),
    z.strictObject({ type: z.literal('message_stop') }),
  ])
  .meta({ id: 'MessageEvent' });

export type AnswerBlock = z.output<typeof answerBlock>;
export type MessageJson = z.output<typeof messageSchema>;
export type MessageEventJson = z.output<typeof messageEventSchema>;
