/** The body of POST /v1/responses, and its answers and events. */
import { z } from 'zod';
import { CHECKS } from '../../serving/grounding/policy.ts';
import { MAX_MESSAGES } from '../chat/schema.ts';
import {
  count,
  generationFields,
  MAX_MAX_TOKENS,
  MAX_TOP_LOGPROBS,
  metadataField,
  passiveFields,
  strictField,
} from '../../serving/fields/common.ts';
import {
  timingsSchema,
  resourcesSchema,
  tokenLogprobSchema,
} from '../../serving/fields/answers.ts';
import { responsePassiveFields } from '../../serving/fields/passive.ts';
import { imagesSchema, visionField } from '../../serving/vision/fields.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';
import { responseOutputFields } from '../../serving/fields/output.ts';
import { type NewItem, newItemSchema, outputItemSchema, outputTextSchema } from './item-schema.ts';

/** Ids as the server makes them. */
export const responseId = z.string().regex(/^resp_[0-9a-f]{32}$/);
export const LOGPROBS_INCLUDE = 'message.output_text.logprobs';
export const RESULTS_INCLUDE = 'file_search_call.results';

// Every field of chat that responses share under the same name.
const {
  max_tokens: _maxTokens,
  stream_options: _streamOptions,
  ...sharedFields
} = generationFields;

export const responseBodySchema = z
  .looseObject({
    ...sharedFields,
    ...passiveFields,
    ...responsePassiveFields,
    ...responseOutputFields,
    input: z
      .union(
        [z.string().min(1), z.array(newItemSchema).min(1).max(MAX_MESSAGES)],
        'expected a text or a list of items',
      )
      .transform((input): NewItem[] =>
        typeof input === 'string' ? [{ role: 'user', content: input }] : input,
      ),
    instructions: z.string().optional(),
    max_output_tokens: count.min(1).max(MAX_MAX_TOKENS).optional(),
    previous_response_id: responseId.optional(),
    conversation: z
      .union(
        [z.string(), z.looseObject({ id: z.string() })],
        'expected the id of a conversation, or {"id": "..."}',
      )
      .transform((given) => (typeof given === 'string' ? given : given.id))
      .optional(),
    store: z.boolean().default(true),
    background: z.boolean().default(false),
    truncation: z.enum(['auto', 'disabled']).default('disabled'),
    include: z
      .array(z.enum([LOGPROBS_INCLUDE, RESULTS_INCLUDE]))
      .max(2)
      .default([]),
    top_logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    metadata: metadataField.optional(),
    redact: redactField,
    vision: visionField,
    strict: strictField,
  })
  .superRefine(
    whole((body, context) => {
      const refuse = (path: string, message: string): void => refuseAt(context, [path], message);
      if (body.conversation !== undefined && body.previous_response_id !== undefined)
        refuse('previous_response_id', 'expected to be absent with "conversation"');
      // What placeholders stand for is kept with responses alone.
      const isRedacted = body.redact !== undefined && body.redact !== false;
      const refers = body.input.some(({ type }) => type === 'item_reference');
      if (isRedacted && (body.conversation !== undefined || refers))
        refuse('redact', 'expected "previous_response_id" with it, no conversation or reference');
      if (body.background && !body.store) refuse('store', 'expected true with "background": true');
      if (body.background && body.stream && isRedacted)
        refuse('stream', 'expected false with "background": true and "redact"');
    }),
  )
  .meta({ id: 'ResponseRequest' });

export type ResponseBody = z.output<typeof responseBodySchema>;

const shownSearch = z.strictObject({
  type: z.literal('file_search'),
  vector_store_ids: z.array(z.string()),
  max_num_results: count,
  check: z.enum(CHECKS).optional(),
  filters: z.looseObject({}).optional(),
  ranking_options: z.looseObject({}).optional(),
});
/** A tool of the request, with defaults filled in. */
const shownFunction = z.strictObject({
  type: z.literal('function'),
  name: z.string(),
  description: z.string().nullable(),
  parameters: z.record(z.string(), z.unknown()),
  strict: z.boolean(),
});
const shownCustom = z.strictObject({
  type: z.literal('custom'),
  name: z.string(),
  description: z.string().optional(),
  format: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('text') }),
    z.strictObject({
      type: z.literal('grammar'),
      syntax: z.literal('regex'),
      definition: z.string(),
    }),
  ]),
});
const names = z.array(z.string());
const shownFilter = z.strictObject({
  tool_names: names.optional(),
  read_only: z.boolean().optional(),
});
/** Without headers and authorization, which are not kept. */
const shownServer = z.strictObject({
  type: z.literal('mcp'),
  server_label: z.string(),
  server_url: z.string(),
  server_description: z.string().optional(),
  allowed_tools: z.union([names, shownFilter]).nullable(),
  require_approval: z.union([
    z.enum(['always', 'never']),
    z.strictObject({ always: shownFilter.optional(), never: shownFilter.optional() }),
  ]),
});
const shownTool = z.discriminatedUnion('type', [
  shownFunction,
  shownCustom,
  shownSearch,
  shownServer,
]);
const shownFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    name: z.string(),
    description: z.string().optional(),
    schema: z.record(z.string(), z.unknown()),
    strict: z.boolean(),
  }),
]);

const namedTool = z.strictObject({ type: z.enum(['function', 'custom']), name: z.string() });

export type ResponseStatus =
  'queued' | 'in_progress' | 'completed' | 'incomplete' | 'failed' | 'cancelled';

export const responseSchema = z
  .strictObject({
    id: responseId,
    object: z.literal('response'),
    created_at: count,
    completed_at: count.nullable(),
    conversation: z.strictObject({ id: z.string() }).optional(),
    status: z.enum(['queued', 'in_progress', 'completed', 'incomplete', 'failed', 'cancelled']),
    background: z.boolean(),
    error: z
      .strictObject({
        code: z.enum(['server_error', 'rate_limit_exceeded', 'invalid_prompt']),
        message: z.string(),
        thimble_code: z.string().describe('extension: the code of docs/errors.md'),
      })
      .nullable(),
    incomplete_details: z
      .strictObject({ reason: z.enum(['max_output_tokens', 'content_filter']) })
      .nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: count.nullable(),
    metadata: z.record(z.string(), z.string()),
    model: z.string(),
    output: z.array(outputItemSchema),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.string().nullable(),
    store: z.boolean(),
    temperature: z.number(),
    text: z.strictObject({ format: shownFormat }),
    tool_choice: z.union([
      z.enum(['none', 'auto', 'required']),
      namedTool,
      z.strictObject({ type: z.literal('file_search') }),
      z.strictObject({
        type: z.literal('mcp'),
        server_label: z.string(),
        name: z.string().nullable(),
      }),
      z.strictObject({
        type: z.literal('allowed_tools'),
        mode: z.enum(['auto', 'required']),
        tools: z.array(namedTool),
      }),
    ]),
    tools: z.array(shownTool),
    top_logprobs: count,
    top_p: z.number(),
    truncation: z.enum(['auto', 'disabled']),
    usage: z
      .strictObject({
        input_tokens: count,
        input_tokens_details: z.strictObject({ cached_tokens: count, cache_write_tokens: count }),
        output_tokens: count,
        output_tokens_details: z.strictObject({ reasoning_tokens: count }),
        total_tokens: count,
        speculation: z
          .strictObject({ drafted_tokens: count, accepted_tokens: count })
          .describe('extension'),
      })
      .nullable(),
    timings: timingsSchema.nullable(),
    resources: resourcesSchema.nullable(),
    dropped_messages: count.describe('extension: messages left out by "truncation": "auto"'),
    images: imagesSchema.optional(),
  })
  .meta({ id: 'Response' });

export type ResponseJson = z.output<typeof responseSchema>;

const event = <T extends string, F extends z.ZodRawShape>(type: T, fields: F) =>
  z.strictObject({ type: z.literal(type), sequence_number: count, ...fields });
const ofItem = { item_id: z.string(), output_index: count };
const ofPart = { ...ofItem, content_index: count };

export const responseEventSchema = z
  .discriminatedUnion('type', [
    event('response.created', { response: responseSchema }),
    event('response.in_progress', { response: responseSchema }),
    event('response.output_item.added', { output_index: count, item: outputItemSchema }),
    event('response.content_part.added', { ...ofPart, part: outputTextSchema }),
    event('response.output_text.delta', {
      ...ofPart,
      delta: z.string(),
      logprobs: z.array(tokenLogprobSchema),
    }),
    event('response.output_text.done', {
      ...ofPart,
      text: z.string(),
      logprobs: z.array(tokenLogprobSchema),
    }),
    event('response.content_part.done', { ...ofPart, part: outputTextSchema }),
    event('response.function_call_arguments.delta', { ...ofItem, delta: z.string() }),
    event('response.function_call_arguments.done', {
      ...ofItem,
      name: z.string(),
      arguments: z.string(),
    }),
    event('response.custom_tool_call_input.delta', { ...ofItem, delta: z.string() }),
    event('response.custom_tool_call_input.done', { ...ofItem, input: z.string() }),
    event('response.file_search_call.in_progress', ofItem),
    event('response.file_search_call.searching', ofItem),
    event('response.file_search_call.completed', ofItem),
    event('response.mcp_list_tools.in_progress', ofItem),
    event('response.mcp_list_tools.completed', ofItem),
    event('response.mcp_call_arguments.delta', { ...ofItem, delta: z.string() }),
    event('response.mcp_call_arguments.done', { ...ofItem, arguments: z.string() }),
    event('response.mcp_call.in_progress', ofItem),
    event('response.mcp_call.completed', ofItem),
    event('response.mcp_call.failed', ofItem),
    event('response.output_item.done', { output_index: count, item: outputItemSchema }),
    event('response.completed', { response: responseSchema }),
    event('response.incomplete', { response: responseSchema }),
    event('response.failed', { response: responseSchema }),
  ])
  .meta({ id: 'ResponseEvent' });

export type ResponseEventJson = z.output<typeof responseEventSchema>;
/** An event before it gets its number. */
export type UnnumberedEvent = ResponseEventJson extends infer E
  ? E extends unknown
    ? Omit<E, 'sequence_number'>
    : never
  : never;
