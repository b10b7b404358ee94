/** POST /v1/messages, in Anthropic's shape. */
import { invalidField } from '../../platform/invalid-field.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import { redactImages } from '../../serving/vision/describe-messages.ts';
import { checkBlocks, conversationOf, describeBlocks } from './input.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import {
  redactedHeaders,
  redactMessages,
  redactorFor,
} from '../../serving/redaction/redact-request.ts';
import { restoreOutput } from '../../serving/redaction/restore-output.ts';
import { messagesTools } from '../../serving/output/api-tools.ts';
import { type FormatSource, textFormat } from '../../serving/output/constraint.ts';
import { messageEventSchema, messagesBodySchema, messageSchema } from './schema.ts';
import { MESSAGES_REFUSED } from '../../http/body/refused.ts';
import { answer } from '../../http/answer.ts';
import { MESSAGES_SSE, messageEvents, wholeMessage } from './shape.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { withHeaders } from '../../http/with-headers.ts';

const question = [{ role: 'user', content: 'Name three things a bicycle needs.' }];

const city = { enum: ['Paris', 'Rome'] };
const schema = { type: 'object', properties: { city }, required: ['city'] };
const tools = [{ name: 'get_weather', description: 'The weather now.', input_schema: schema }];
const warm = { role: 'user', content: 'Is it warm in Rome?' };

export const messages = defineEndpoint({
  name: 'messages',
  method: 'POST',
  path: '/v1/messages',
  tag: 'messages',
  scope: 'chat',
  summary: 'Answer a conversation',
  description:
    "Like Anthropic's endpoint, for texts and tool calls. x-api-key and anthropic-version may be sent and have " +
    'no effect. If the last message is from the assistant, it is the beginning of the answer.',
  body: messagesBodySchema,
  takesPictures: true,
  refused: MESSAGES_REFUSED,
  errors: 'anthropic',
  responses: [
    {
      status: 200,
      what: 'the answer, or server-sent events that end with message_stop',
      schema: messageSchema,
      event: messageEventSchema,
    },
  ],
  examples: [
    {
      title: 'An answer',
      headers: { 'anthropic-version': '2023-06-01' },
      body: { max_tokens: 32, system: 'Be short.', messages: question },
    },
    {
      title: 'A streamed answer',
      body: { max_tokens: 32, messages: question, stream: true },
    },
    {
      title: 'An answer with a given beginning',
      body: {
        max_tokens: 8,
        messages: [...question, { role: 'assistant', content: 'Two wheels' }],
        stop_sequences: ['.'],
      },
    },
    {
      title: 'A tool call',
      body: { max_tokens: 100, messages: [warm], tools, tool_choice: { type: 'any' } },
    },
    {
      title: 'Continuing after the result of a call',
      body: {
        max_tokens: 16,
        messages: [
          warm,
          {
            role: 'assistant',
            content: [{ type: 'tool_use', id: 'a', name: 'get_weather', input: { city: 'Rome' } }],
          },
          {
            role: 'user',
            content: [{ type: 'tool_result', tool_use_id: 'a', content: '31 degrees' }],
          },
        ],
        tools,
      },
    },
    {
      title: 'JSON that matches a schema',
      body: {
        max_tokens: 60,
        messages: [{ role: 'user', content: 'Where is it warm?' }],
        output_config: { format: { type: 'json_schema', schema } },
      },
    },
    { title: 'max_tokens is required', body: { messages: question }, status: 400 },
  ],
  async handle({ env, caller, body: given, request, record }) {
    const model = await findModel(env.MODELS, given.model ?? (await defaultModelId(env)), caller);
    const { vision } = given;
    const { signal } = request;
    const seen = await describeBlocks({ env, caller, model, vision, signal }, given);
    const body = seen.conversation;
    checkBlocks(model, body);
    const asked = conversationOf(body);
    const redactor = redactorFor(body.redact);
    const images = await redactImages(redactor, seen.images);
    const conversation = {
      messages: await redactMessages(redactor, asked.messages),
      prefill: redactor === null ? asked.prefill : await redactor.redact(asked.prefill),
    };
    const tools = messagesTools(body);
    const format = textFormat(body.output_config?.format, 'output_config.format');
    refuseBegun(format, conversation.prefill);
    const params = await generationParams(
      { ...body, stop: body.stop_sequences },
      { maxTokens: body.max_tokens, topLogprobs: null, format, tools },
      model,
    );
    const chat = { env, caller, model, ...conversation, params, promptField: 'messages' };
    const shown = tools?.tools ?? [];
    const response = await answer({
      ...{ modelId: model.id, signal: request.signal, record },
      ...{ stream: body.stream, sse: MESSAGES_SSE },
      run: (signal, onWaiting) =>
        restoreOutput(redactor, runChat({ ...chat, tools: shown, signal, onWaiting })),
      chunks: (deltas) => messageEvents(model, deltas, images),
      whole: (deltas) => wholeMessage(model, deltas, images),
    });
    return withHeaders(response, redactedHeaders(redactor));
  },
});

/** A format applies to the whole answer, but only the rest of it would be generated. */
function refuseBegun(format: FormatSource | null, prefill: string): void {
  if (format === null || prefill === '') return;
  throw invalidField(
    format.param,
    'applies to a whole answer, but the last message begins one; expected one of them',
  );
}
