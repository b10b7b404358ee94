/** DELETE /v1/sessions/:id/feedback/:turn. */
import { EngineError } from '../../../engine/base/errors.ts';
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { objectName } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { ask } from '../../platform/rpc.ts';
import { defineSessionEndpoint } from './env.ts';
import { MAX_TURN } from './rate-turn.ts';
import { readSessionId, sessionNotFound } from './session-id.ts';

const DIGITS = /^[1-9]\d{0,6}$/;

export const unrateTurn = defineSessionEndpoint({
  name: 'unrateTurn',
  method: 'DELETE',
  path: '/v1/sessions/:id/feedback/:turn',
  tag: 'sessions',
  scope: 'chat',
  summary: 'Take the rating of an answer back',
  description:
    'Nothing is learned from it by a training that begins afterwards. `id` in the answer is the turn.',
  params: { id: 'id of the session', turn: 'number of the answer, from 1' },
  responses: [deletedRow('session.rating.deleted')],
  examples: [
    {
      title: 'A rating is taken back',
      params: { id: 'hedy', turn: '1' },
      before: [
        {
          path: '/v1/chat/completions',
          body: {
            ...{ session: 'hedy', max_tokens: 8 },
            messages: [{ role: 'user', content: 'What is the capital of France?' }],
          },
        },
        { path: '/v1/sessions/hedy/feedback', body: { turn: 1, rating: 'down' } },
      ],
    },
    { title: 'An unknown session', params: { id: 'nobody', turn: '1' }, status: 404 },
  ],
  async handle({ env, caller, params }) {
    const id = readSessionId(params);
    const turn = readTurn(params);
    const { requestId } = caller;
    const stub = env.SESSIONS.getByName(objectName(caller, id));
    const isDeleted = await ask<boolean | null>('sessions', () => stub.unrate({ requestId }, turn));
    if (isDeleted === null) throw sessionNotFound(id);
    if (!isDeleted)
      throw new EngineError(
        'E_NOT_FOUND',
        `turn: answer ${turn} of the session has no rating. GET /v1/sessions/{id} lists those that there are in "feedback".`,
        { param: 'turn' },
      );
    return deletedJson('session.rating.deleted', String(turn));
  },
});

/** @throws {EngineError} E_REQUEST_INVALID */
function readTurn(params: Readonly<Record<string, string>>): number {
  const text = params['turn'] ?? '';
  const turn = DIGITS.test(text) ? Number(text) : 0;
  if (turn >= 1 && turn <= MAX_TURN) return turn;
  throw invalidField(
    'turn',
    `expected the number of an answer, 1 to ${MAX_TURN}, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}
