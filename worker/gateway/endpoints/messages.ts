/** POST /v1/messages, in Anthropic's shape. */
import { generationParams } from '../generation/params.ts';
import { runChat } from '../generation/run-chat.ts';
import { findModel } from '../model-store.ts';
import {
  conversationOf,
  messageEventSchema,
  messagesBodySchema,
  messageSchema,
} from '../schemas/messages.ts';
import { MESSAGES_REFUSED } from '../schemas/refused.ts';
import { answer } from '../shapes/answer.ts';
import { MESSAGES_SSE, messageEvents, wholeMessage } from '../shapes/message.ts';
import { defineEndpoint } from './endpoint.ts';

const conversation = [{ role: 'user', content: 'Name three things a bicycle needs.' }];

export const messages = defineEndpoint({
  name: 'messages',
  method: 'POST',
  path: '/v1/messages',
  tag: 'messages',
  summary: 'Answer a conversation',
  description:
    "As Anthropic's endpoint, for texts. x-api-key and anthropic-version may be sent and change " +
    'nothing. A last message of the assistant is how the answer begins.',
  body: messagesBodySchema,
  refused: MESSAGES_REFUSED,
  errors: 'anthropic',
  responses: [
    {
      status: 200,
      what: 'the answer, or its events as server-sent events that end with message_stop',
      schema: messageSchema,
      event: messageEventSchema,
    },
  ],
  examples: [
    {
      title: 'An answer',
      headers: { 'anthropic-version': '2023-06-01' },
      body: { max_tokens: 32, system: 'Be short.', messages: conversation },
    },
    {
      title: 'The events of an answer',
      body: { max_tokens: 32, messages: conversation, stream: true },
    },
    {
      title: 'An answer that begins as told',
      body: {
        max_tokens: 8,
        messages: [...conversation, { role: 'assistant', content: 'Two wheels' }],
        stop_sequences: ['.'],
      },
    },
    { title: 'max_tokens is required', body: { messages: conversation }, status: 400 },
  ],
  async handle({ env, body, request, record }) {
    const model = await findModel(env.MODELS, body.model ?? env.DEFAULT_MODEL);
    const params = generationParams(
      { ...body, stop: body.stop_sequences },
      { maxTokens: body.max_tokens, topLogprobs: null },
      model,
    );
    const chat = { env, model, ...conversationOf(body), params, promptField: 'messages' };
    return await answer({
      ...{ modelId: model.id, signal: request.signal, record },
      ...{ stream: body.stream, sse: MESSAGES_SSE },
      run: (signal) => runChat({ ...chat, signal }),
      chunks: (deltas) => messageEvents(model, deltas),
      whole: (deltas) => wholeMessage(model, deltas),
    });
  },
});
