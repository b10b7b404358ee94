/** POST /v1/chat/completions. With a session the turn runs in the session's object. */
import { withOwnNames } from '../../http/body/server-names.ts';
import { checkInputs } from '../../serving/conversation/message.ts';
import type { SessionTurn } from '../sessions/session-object.ts';
import { redactMessages, redactorFor } from '../../serving/redaction/redact-request.ts';
import { accessDenied } from '../../access/errors.ts';
import { allows, objectName } from '../../platform/caller.ts';
import { redactImages } from '../../serving/vision/describe-messages.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { chatChunkSchema, chatCompletionSchema } from '../../serving/fields/answers.ts';
import { CHAT_PARTS, type ChatBody, chatBodySchema } from './schema.ts';
import { CHAT_REFUSED } from '../../http/body/refused.ts';
import { keptCompletion } from './stored/keep-completion.ts';
import { retrieve } from '../retrieval/retrieve.ts';
import { answerChat } from './answer-chat.ts';
import { describeChat } from './describe-chat.ts';
import { endpointWith } from '../../http/endpoint.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { RetrievalEnv } from '../retrieval/env.ts';
import type { SessionsEnv } from '../sessions/env.ts';

const messages = [{ role: 'user', content: 'Name three things a bicycle needs.' }];

const city = { enum: ['Paris', 'Rome'] };
const parameters = { type: 'object', properties: { city }, required: ['city'] };
const description = 'The weather now.';

export const chatCompletions = endpointWith<RetrievalEnv & SessionsEnv & RecordsEnv>()({
  name: 'chatCompletions',
  method: 'POST',
  path: '/v1/chat/completions',
  tag: 'generation',
  scope: 'chat',
  summary: 'Answer a conversation',
  description:
    'Like OpenAI\'s endpoint. With "session", send only new messages; the server keeps the rest. With "store": true the ' +
    'answer and its messages are kept for 30 days, to be listed and read.',
  body: chatBodySchema,
  takesPictures: true,
  adapt: withOwnNames,
  refused: CHAT_REFUSED,
  responses: [
    {
      status: 200,
      what: 'the answer, or chunks of it as server-sent events that end with [DONE]',
      schema: chatCompletionSchema,
      event: chatChunkSchema,
    },
  ],
  examples: [
    { title: 'An answer', body: { messages, max_tokens: 32 } },
    {
      title: 'A streamed answer',
      body: { messages, max_tokens: 32, stream: true, stream_options: { include_usage: true } },
    },
    {
      title: 'Two reproducible answers',
      body: { messages, max_tokens: 16, n: 2, seed: 7, temperature: 0.8 },
    },
    {
      title: 'Log-probabilities of each token',
      body: { messages, max_tokens: 4, temperature: 0, logprobs: true, top_logprobs: 2 },
    },
    {
      title: 'A conversation that the server keeps',
      body: {
        session: 'ada',
        messages: [{ role: 'user', content: 'My name is Ada.' }],
        max_tokens: 16,
      },
    },
    {
      title: 'A tool call',
      body: {
        messages: [{ role: 'user', content: 'Is it warm in Rome?' }],
        tools: [{ type: 'function', function: { name: 'get_weather', description, parameters } }],
        tool_choice: 'required',
      },
    },
    {
      title: 'JSON that matches a schema',
      body: {
        messages: [{ role: 'user', content: 'Where is it warm?' }],
        response_format: {
          type: 'json_schema',
          json_schema: { name: 'place', schema: parameters },
        },
      },
    },
    {
      title: 'An answer from an unknown collection',
      body: { messages, retrieval: { collection: 'nothing', top_k: 3 } },
      status: 404,
    },
    {
      title: 'An invalid value',
      body: { messages, temperature: -1 },
      status: 400,
    },
  ],
  async handle({ request, env, caller, body: given, record }) {
    const { signal } = request;
    const seen = await describeChat(env, caller, given, signal);
    const body = { ...given, messages: [...seen.messages] };
    if (body.session !== undefined) {
      record.handOver();
      const turn: SessionTurn = { caller, body, images: seen.images };
      const init = { method: 'POST', body: JSON.stringify(turn), signal };
      const session = env.SESSIONS.getByName(objectName(caller, body.session));
      return await session.fetch('https://session/turn', init);
    }
    const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
    checkInputs(model.id, body.messages, CHAT_PARTS, senseNames(model));
    const redactor = redactorFor(body.redact);
    const messages = await redactMessages(redactor, body.messages);
    const images = await redactImages(redactor, seen.images);
    const kept =
      body.store === true ? { kept: keptCompletion(env, caller, body, messages, redactor) } : {};
    const turn = { env, caller, model, body, signal, record, redactor, images, ...kept };
    if (body.retrieval !== undefined && !allows(caller.scopes, 'retrieval'))
      throw accessDenied('retrieval', caller.scopes ?? []);
    if (body.retrieval === undefined) return await answerChat({ ...turn, messages });
    const check = isFreeText(body) ? body.retrieval.check : 'off';
    const asked = { ...body.retrieval, check };
    const found = await retrieve(env, caller, asked, messages, signal);
    // Passages are read by the model, too.
    const read = await redactMessages(redactor, found.messages);
    return await answerChat({ ...turn, ...found, messages: read });
  },
});

/** What has to match a format, or may be a call, has no sentences to check. */
function isFreeText({ response_format: format, grammar, regex, tools }: ChatBody): boolean {
  const isText = format === undefined || format.type === 'text';
  return isText && grammar === undefined && regex === undefined && tools === undefined;
}
