/** The body of POST /v1/chat/completions. */
import { z } from 'zod';
import { parseJson } from '../../http/body/json-body.ts';
import type { ToolCall } from '../../../engine/text/chat-template.ts';
import { contentText } from '../../serving/conversation/message.ts';
import type { Message, PartNames } from '../../serving/conversation/message.ts';
import { chatContent } from '../../serving/fields/content.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';
import { INPUT_ARGUMENT } from '../../serving/output/custom-input.ts';
import { callFault, type CallFault, faultText } from '../../serving/output/tool-turns.ts';
import {
  choiceCount,
  count,
  generationFields,
  MAX_MAX_TOKENS,
  MAX_TOP_LOGPROBS,
  metadataField,
  passiveFields,
  retentionField,
  sessionId,
  strictField,
  tooManyTokens,
} from '../../serving/fields/common.ts';
import { chatPassiveFields } from '../../serving/fields/passive.ts';
import { templateFields } from '../../serving/fields/template.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';
import { visionField } from '../../serving/vision/fields.ts';
import { retrievalField } from '../retrieval/schema.ts';
import { chatToolFields, formatFields, MAX_TOOLS, toolName } from '../../serving/fields/output.ts';

export const MAX_MESSAGES = 4096;
/** Paths of parts of messages in a body. */
export const CHAT_PARTS: PartNames = {
  path: (message, part) => `messages[${message}].content[${part}]`,
  pictureField: '.image_url.url',
  text: '{"type": "text", "text": "..."}',
};
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool'] as const;

export const callId = z.string().min(1).max(200);
const called = z.looseObject({ name: toolName, arguments: z.string() });
const customCalled = z.looseObject({ name: toolName, input: z.string() });
const toolCall = z
  .looseObject({
    id: callId,
    type: z.enum(['function', 'custom']).default('function'),
    function: called.optional(),
    custom: customCalled.optional(),
  })
  .superRefine(
    whole((call, context) => {
      if (call[call.type] === undefined) refuseAt(context, [call.type], 'expected an object');
    }),
  )
  .transform(({ id, type, function: given, custom }, context): ToolCall => {
    // A model sees a custom tool as a function of one text.
    const value =
      type === 'custom'
        ? { [INPUT_ARGUMENT]: custom?.input }
        : parseArguments(given?.arguments ?? '');
    if (value === undefined)
      refuseAt(context, ['function', 'arguments'], 'expected the JSON text of an object');
    const name = (type === 'custom' ? custom : given)?.name ?? '';
    return { id, type: 'function', function: { name, arguments: value } };
  });

/** Undefined when `json` is not an object; clients send an empty string for an empty object. */
export function parseArguments(json: string): object | undefined {
  try {
    const value = parseJson(json === '' ? '{}' : json, 'arguments');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export const chatMessage = z
  .object({
    role: z.enum(ROLES),
    content: chatContent.nullish(),
    name: z.string().max(64).optional(),
    tool_calls: z.array(toolCall).max(MAX_TOOLS).nullish(),
    tool_call_id: callId.optional(),
  })
  .superRefine(
    whole(({ role, content, tool_calls: calls, tool_call_id: answered }, context) => {
      const refuse = (path: string, message: string): void => refuseAt(context, [path], message);
      const hasCalls = (calls?.length ?? 0) > 0;
      if (content == null && !(role === 'assistant' && hasCalls))
        refuse('content', 'expected a text or an array of text parts');
      if (hasCalls && role !== 'assistant')
        refuse('tool_calls', 'expected only of role "assistant"');
      if (role === 'tool' && answered === undefined)
        refuse('tool_call_id', 'expected the id of the call that the message answers');
    }),
  )
  .transform(({ role, content, name, tool_calls: calls, tool_call_id: answered }): Message => ({
    // OpenAI's newer name for the same role.
    role: role === 'developer' ? 'system' : role,
    content: content ?? [],
    ...(name === undefined ? {} : { name }),
    ...(calls == null || calls.length === 0 ? {} : { tool_calls: calls }),
    ...(role !== 'tool' || answered === undefined ? {} : { tool_call_id: answered }),
  }));

/** Path of the first use of tools, or null. Sessions keep no calls. */
function toolsOf({
  tools = [],
  messages,
}: {
  readonly tools?: readonly unknown[] | undefined;
  readonly messages: readonly Message[];
}): (string | number)[] | null {
  if (tools.length > 0) return ['tools'];
  const at = messages.findIndex(
    ({ role, tool_calls: calls }) => role === 'tool' || calls !== undefined,
  );
  return at < 0 ? null : ['messages', at];
}

interface TemplateUse {
  readonly messages: readonly Message[];
  readonly session?: string | undefined;
  readonly stream: boolean;
  readonly chat_template_kwargs?: object | undefined;
  readonly continue_final_message: boolean;
  readonly add_generation_prompt?: boolean | undefined;
  readonly prompt_logprobs?: number | undefined;
  readonly response_format?: { readonly type: string } | undefined;
  readonly regex?: string | undefined;
  readonly grammar?: string | undefined;
}

/** What fields of the template ask for and cannot have, or null. */
function templateFault(body: TemplateUse): { field: string; message: string } | null {
  const { session, continue_final_message: continues, prompt_logprobs: nPrompt } = body;
  const fault = (field: string, message: string) => ({ field, message });
  if (session !== undefined && (continues || body.chat_template_kwargs !== undefined)) {
    const field = continues ? 'continue_final_message' : 'chat_template_kwargs';
    return fault(field, 'expected to be absent in a session: send the conversation yourself');
  }
  if (nPrompt !== undefined && (body.stream || session !== undefined))
    return fault('prompt_logprobs', 'expected to be absent in a stream and in a session');
  if ((body.add_generation_prompt ?? !continues) === continues)
    return fault(
      'add_generation_prompt',
      `expected ${String(!continues)} with "continue_final_message": ${String(continues)}; POST /apply-template renders without an answer`,
    );
  if (!continues) return null;
  const last = body.messages.at(-1);
  if (
    last?.role !== 'assistant' ||
    last.tool_calls !== undefined ||
    contentText(last.content) === ''
  )
    return fault(
      'messages',
      'expected a last message of role "assistant" with a text to go on from',
    );
  const isFormatted =
    (body.response_format?.type ?? 'text') !== 'text' ||
    body.regex !== undefined ||
    body.grammar !== undefined;
  if (isFormatted)
    return fault(
      'continue_final_message',
      'expected no format with it: a format applies to a whole answer',
    );
  return null;
}

const FAULT_FIELDS: Readonly<Record<CallFault['kind'], readonly string[]>> = {
  unknown: ['tool_call_id'],
  answered: ['tool_call_id'],
  interrupted: ['role'],
  unanswered: [],
};

export const chatBodySchema = z
  .looseObject({
    ...generationFields,
    ...formatFields,
    ...chatToolFields,
    messages: z.array(chatMessage).min(1).max(MAX_MESSAGES),
    max_completion_tokens: count.min(0).max(MAX_MAX_TOKENS).optional(),
    logprobs: z.boolean().default(false),
    top_logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    ...passiveFields,
    ...chatPassiveFields,
    /** A session's turn is kept unless it says false; anything else is kept if it says true. */
    store: z.boolean().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    ...templateFields,
    prompt_logprobs: count.min(0).max(MAX_TOP_LOGPROBS).optional(),
    n: choiceCount.default(1),
    session: sessionId.optional(),
    retention_s: retentionField,
    /** Whether rated answers of the session may be learned from, from now on. */
    allow_training: z.boolean().optional(),
    retrieval: retrievalField,
    redact: redactField,
    vision: visionField,
    strict: strictField,
  })
  .superRefine(
    whole((body, context) => {
      const tooMany = tooManyTokens(body.n, body.max_completion_tokens ?? body.max_tokens);
      const refuse = (path: readonly (string | number)[], message: string): void =>
        refuseAt(context, path, message);
      if (tooMany !== null) refuse(['max_tokens'], tooMany);
      if (body.session === undefined && body.retention_s !== undefined)
        refuse(['retention_s'], 'expected "session" with it: nothing else is kept');
      if (body.session === undefined && body.allow_training !== undefined)
        refuse(['allow_training'], 'expected "session" with it: nothing else is learned from');
      if (body.store === false && body.allow_training !== undefined)
        refuse(['allow_training'], 'expected no "store": false with it, which keeps nothing');
      if (body.session !== undefined && body.n > 1) refuse(['n'], 'expected 1 in a session');
      if (body.session !== undefined && body.retrieval !== undefined)
        refuse(['retrieval'], 'expected none in a session: send the conversation yourself');
      if (body.session !== undefined && body.store === true)
        refuse(['store'], 'expected to be absent in a session, which is kept anyway');
      const metadata = metadataField.optional().safeParse(body.metadata);
      if (body.store === true && !metadata.success)
        refuse(['metadata'], 'expected up to 16 pairs of texts with "store": true');
      const unfit = templateFault(body);
      if (unfit !== null) refuse([unfit.field], unfit.message);
      const fault = callFault(body.messages);
      if (fault !== null)
        refuse(
          ['messages', fault.at, ...FAULT_FIELDS[fault.kind]],
          faultText(fault, 'a message of role "tool"'),
        );
      const toolPath = body.session === undefined ? null : toolsOf(body);
      if (toolPath !== null)
        refuse(toolPath, 'expected no tools in a session: send the conversation yourself');
      if (body.top_logprobs !== undefined && body.top_logprobs > 0 && !body.logprobs)
        refuse(['top_logprobs'], 'expected "logprobs": true with it');
    }),
  )
  .meta({ id: 'ChatCompletionRequest' });

export type ChatBody = z.output<typeof chatBodySchema>;
