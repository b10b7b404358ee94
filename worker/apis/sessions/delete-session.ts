/** DELETE /v1/sessions/:id. */
import { objectName } from '../../platform/caller.ts';
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { readSessionId, sessionNotFound } from './session-id.ts';
import { defineSessionEndpoint } from './env.ts';

export const deleteSession = defineSessionEndpoint({
  name: 'deleteSession',
  method: 'DELETE',
  path: '/v1/sessions/:id',
  tag: 'sessions',
  scope: 'chat',
  summary: 'Delete a session',
  params: { id: 'id of the session' },
  responses: [deletedRow('session.deleted')],
  examples: [
    {
      title: 'Delete a session',
      params: { id: 'joan' },
      before: [
        {
          path: '/v1/chat/completions',
          body: {
            session: 'joan',
            messages: [{ role: 'user', content: 'My name is Joan.' }],
            max_tokens: 8,
          },
        },
      ],
    },
  ],
  async handle({ env, caller, params }) {
    const id = readSessionId(params);
    const deleted = await env.SESSIONS.getByName(objectName(caller, id)).clear();
    if (!deleted) throw sessionNotFound(id);
    return deletedJson('session.deleted', id);
  },
});
