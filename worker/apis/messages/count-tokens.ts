/** POST /v1/messages/count_tokens, in Anthropic's shape. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { z } from 'zod';
import { chatSteps } from '../../serving/generation/run-chat.ts';
import { mediaPositions } from '../../serving/senses/marks.ts';
import { sensesOf } from '../../serving/senses/senses.ts';
import { checkBlocks, conversationOf, describeBlocks } from './input.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { messagesTools } from '../../serving/output/api-tools.ts';
import { countTokensBodySchema } from './schema.ts';
import { MESSAGES_REFUSED } from '../../http/body/refused.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const countTokens = defineEndpoint({
  name: 'countTokens',
  method: 'POST',
  path: '/v1/messages/count_tokens',
  tag: 'messages',
  scope: 'chat',
  summary: 'Count the tokens of a conversation',
  body: countTokensBodySchema,
  takesPictures: true,
  refused: MESSAGES_REFUSED,
  errors: 'anthropic',
  responses: [
    {
      status: 200,
      what: 'the number of tokens',
      schema: z.strictObject({ input_tokens: z.number().int() }),
    },
  ],
  examples: [{ title: 'Count', body: { messages: [{ role: 'user', content: 'Hello!' }] } }],
  async handle({ env, caller, body: given, request: { signal } }) {
    const model = await findModel(env.MODELS, given.model ?? (await defaultModelId(env)), caller);
    const { vision } = given;
    const seen = await describeBlocks({ env, caller, model, vision, signal }, given);
    const body = seen.conversation;
    checkBlocks(model, body);
    const { messages, prefill } = conversationOf(body);
    const tools = messagesTools(body)?.tools ?? [];
    const ids = await inTurns(chatSteps(model, messages, { prefill, tools }), takeTurn);
    const nMedia = mediaPositions(messages, sensesOf(model));
    return Response.json({ input_tokens: ids.length + nMedia });
  },
});
