/** POST /v1/sessions/:id. */
import { z } from 'zod';
import { objectName } from '../../platform/caller.ts';
import { ask } from '../../platform/rpc.ts';
import { strictField } from '../../serving/fields/common.ts';
import { defineSessionEndpoint } from './env.ts';
import { type SessionJson, sessionSchema } from './schema.ts';
import { readSessionId, sessionNotFound } from './session-id.ts';

export const updateSession = defineSessionEndpoint({
  name: 'updateSession',
  method: 'POST',
  path: '/v1/sessions/:id',
  tag: 'sessions',
  scope: 'chat',
  summary: 'Allow or forbid that rated answers of a session are learned from',
  params: { id: 'id of the session' },
  body: z
    .looseObject({ allow_training: z.boolean(), strict: strictField })
    .meta({ id: 'UpdateSessionRequest' }),
  responses: [{ status: 200, what: 'the session', schema: sessionSchema }],
  examples: [
    {
      title: 'Withdraw what was allowed',
      params: { id: 'edith' },
      body: { allow_training: false },
      before: [
        {
          path: '/v1/chat/completions',
          body: {
            ...{ session: 'edith', allow_training: true, max_tokens: 8 },
            messages: [{ role: 'user', content: 'My name is Edith.' }],
          },
        },
      ],
    },
    {
      title: 'An unknown session',
      params: { id: 'nobody' },
      body: { allow_training: true },
      status: 404,
    },
  ],
  async handle({ env, caller, params, body }) {
    const id = readSessionId(params);
    const { requestId } = caller;
    const stub = env.SESSIONS.getByName(objectName(caller, id));
    const session = await ask<SessionJson | null>('sessions', () =>
      stub.allowTraining({ requestId }, body.allow_training),
    );
    if (session === null) throw sessionNotFound(id);
    return Response.json({ id, ...session });
  },
});
