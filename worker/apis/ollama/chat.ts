/** POST /api/chat, in Ollama's shape. */
import { answer } from '../../http/answer.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { formatOf } from './format.ts';
import { checkInputs } from '../../serving/conversation/message.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { describeConversation } from '../../serving/vision/describe-messages.ts';
import { conversationOf, IMAGES, toolsOf } from './conversation.ts';
import { idOf } from './names.ts';
import { generationOptions } from './options.ts';
import { chatAnswerSchema, chatBodySchema } from './schema.ts';
import { chatLines, loaded, OLLAMA_LINES, wholeChat } from './shape.ts';

const messages = [{ role: 'user', content: 'Name three things a bicycle needs.' }];
const options = { num_predict: 24 };

export const ollamaChat = defineEndpoint({
  name: 'ollamaChat',
  method: 'POST',
  path: '/api/chat',
  tag: 'ollama',
  scope: 'chat',
  summary: 'Answer a conversation',
  description:
    'Like Ollama\'s endpoint, for texts and tool calls. Streamed as lines of JSON unless "stream" is false. ' +
    '"keep_alive", "think" and "options.num_ctx" have no effect.',
  body: chatBodySchema,
  takesPictures: true,
  errors: 'ollama',
  responses: [
    {
      status: 200,
      what: 'the answer; lines of JSON unless "stream" is false',
      schema: chatAnswerSchema,
    },
  ],
  examples: [
    { title: 'A whole answer', body: { messages, stream: false, options } },
    {
      title: 'JSON of a schema',
      body: {
        messages: [{ role: 'user', content: 'Where is it warm?' }],
        format: {
          type: 'object',
          properties: { city: { enum: ['Paris', 'Rome'] } },
          required: ['city'],
        },
        ...{ stream: false, options },
      },
    },
    { title: 'A picture', body: { messages: [{ ...messages[0], images: ['aGk='] }] }, status: 400 },
  ],
  async handle({ env, caller, body, request, record }) {
    const name = body.model === undefined ? await defaultModelId(env) : idOf(body.model);
    const model = await findModel(env.MODELS, name, caller);
    const asked = conversationOf(body.messages);
    const { vision } = body;
    const { signal: left } = request;
    const pictures = { env, caller, model, vision, names: IMAGES, signal: left };
    const { messages: conversation } = await describeConversation(pictures, asked);
    checkInputs(model.id, conversation, IMAGES, senseNames(model));
    if (conversation.length === 0)
      return Response.json({ ...loaded(model.id), message: { role: 'assistant', content: '' } });
    const tools = toolsOf(body.tools);
    const { fields, maxTokens } = generationOptions(body.options);
    const format = formatOf(body.format);
    const params = await generationParams(
      fields,
      { maxTokens, topLogprobs: null, format, tools },
      model,
    );
    const chat = { env, caller, model, messages: conversation, params, promptField: 'messages' };
    return await answer({
      ...{ modelId: model.id, signal: request.signal, record },
      ...{ stream: body.stream, sse: OLLAMA_LINES },
      run: (signal, onWaiting) =>
        runChat({ ...chat, tools: tools?.tools ?? [], signal, onWaiting }),
      chunks: (deltas) => chatLines(model.id, deltas),
      whole: (deltas) => wholeChat(model.id, deltas),
    });
  },
});
