/** GET /v1/sessions/:id. */
import { objectName } from '../../platform/caller.ts';
import { readSessionId, sessionNotFound } from './session-id.ts';
import { defineSessionEndpoint } from './env.ts';
import { sessionSchema } from './schema.ts';

export const getSession = defineSessionEndpoint({
  name: 'getSession',
  method: 'GET',
  path: '/v1/sessions/:id',
  tag: 'sessions',
  scope: 'chat',
  summary: 'Get the messages of a session',
  params: { id: 'id of the session' },
  responses: [
    {
      status: 200,
      what: 'the messages, the oldest first, and ratings of answers',
      schema: sessionSchema,
    },
  ],
  examples: [
    {
      title: 'The messages of a session',
      params: { id: 'grace' },
      before: [
        {
          path: '/v1/chat/completions',
          body: {
            session: 'grace',
            messages: [{ role: 'user', content: 'My name is Grace.' }],
            max_tokens: 8,
          },
        },
      ],
    },
    { title: 'An unknown session', params: { id: 'nobody' }, status: 404 },
  ],
  async handle({ env, caller, params }) {
    const id = readSessionId(params);
    const session = await env.SESSIONS.getByName(objectName(caller, id)).read();
    if (session === null) throw sessionNotFound(id);
    return Response.json({ id, ...session });
  },
});
