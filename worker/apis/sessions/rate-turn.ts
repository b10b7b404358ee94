/** POST /v1/sessions/:id/feedback. */
import { z } from 'zod';
import { objectName } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { ask } from '../../platform/rpc.ts';
import { count, strictField } from '../../serving/fields/common.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';
import { defineSessionEndpoint } from './env.ts';
import { type RatedTurn, type RateResult, RATINGS, ratingSchema } from './schema.ts';
import { readSessionId, sessionNotFound } from './session-id.ts';

/** Answers of a session that can be rated. */
export const MAX_TURN = 1_000_000;

const body = z
  .looseObject({
    turn: count.min(1).max(MAX_TURN),
    rating: z.enum(RATINGS),
    better: z.string().min(1).optional(),
    redact: redactField,
    strict: strictField,
  })
  .meta({ id: 'SessionFeedbackRequest' });

const before = (session: string) => [
  {
    path: '/v1/chat/completions',
    body: {
      ...{ session, allow_training: true, max_tokens: 8 },
      messages: [{ role: 'user', content: 'What is the capital of France?' }],
    },
  },
];

export const rateTurn = defineSessionEndpoint({
  name: 'rateTurn',
  method: 'POST',
  path: '/v1/sessions/:id/feedback',
  tag: 'sessions',
  scope: 'chat',
  summary: 'Rate an answer of a session',
  description:
    'Rated again, the last rating counts. A model is trained from it only while the session says "allow_training": true.',
  params: { id: 'id of the session' },
  body,
  responses: [
    {
      status: 200,
      what: 'the rating',
      schema: z
        .strictObject({
          session: z.string(),
          object: z.literal('session.rating'),
          ...ratingSchema.shape,
        })
        .meta({ id: 'SessionRating' }),
    },
  ],
  examples: [
    {
      title: 'A good answer',
      params: { id: 'marie' },
      body: { turn: 1, rating: 'up' },
      before: before('marie'),
    },
    {
      title: 'A bad answer, and a better one',
      params: { id: 'irene' },
      body: { turn: 1, rating: 'down', better: 'The capital of France is Paris.' },
      before: before('irene'),
    },
    {
      title: 'An unknown session',
      params: { id: 'nobody' },
      body: { turn: 1, rating: 'up' },
      status: 404,
    },
  ],
  async handle({ env, caller, params, body: rated }) {
    const id = readSessionId(params);
    const { subject, requestId } = caller;
    const stub = env.SESSIONS.getByName(objectName(caller, id));
    const { turn, rating, better = null, redact } = rated;
    const given: RatedTurn = { turn, rating, better, redact };
    const found = await ask<RateResult>('sessions', () =>
      stub.rate({ subject, requestId }, id, given),
    );
    if (found === null) throw sessionNotFound(id);
    if ('nAnswer' in found)
      throw invalidField(
        'turn',
        found.nAnswer === 0
          ? 'the session has no answers yet'
          : `expected 1 to ${found.nAnswer}, the number of an answer of the session, got ${turn}`,
      );
    return Response.json({ session: id, object: 'session.rating', ...found });
  },
});
