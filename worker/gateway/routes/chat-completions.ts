/** POST /v1/chat/completions. With a session the turn runs in the session's object. */
import { answerChat } from '../generation/chat.ts';
import { findModel } from '../model-store.ts';
import { chatBodySchema } from '../schemas/chat.ts';
import { readJsonBody } from '../schemas/json-body.ts';
import type { Route } from './route.ts';

export const chatCompletions: Route = {
  method: 'POST',
  path: '/v1/chat/completions',
  async handle({ request, env }) {
    const body = await readJsonBody(request, chatBodySchema);
    const { signal } = request;
    if (body.session !== undefined) {
      const init = { method: 'POST', body: JSON.stringify(body), signal };
      return await env.SESSIONS.getByName(body.session).fetch('https://session/turn', init);
    }
    const model = await findModel(env.MODELS, body.model ?? env.DEFAULT_MODEL);
    return await answerChat({ env, model, body, messages: body.messages, signal });
  },
};
