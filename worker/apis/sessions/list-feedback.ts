/** GET /v1/feedback. */
import { accessMode } from '../../access/env.ts';
import { accessDenied } from '../../access/errors.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { listJson, listSchema, readAfter, readLimit } from '../../http/body/page-query.ts';
import { allows } from '../../platform/caller.ts';
import { keptObjects } from '../../platform/storage/kept-list.ts';
import { defineSessionEndpoint } from './env.ts';
import { type FeedbackJson, feedbackSchema } from './schema.ts';

/** Sessions that a page looks at: each is a call of an object. */
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Names of objects are subjects, percent-encoded, and ids of sessions. */
const OBJECT_NAME = /^[^\s/]{1,4096}\/[A-Za-z0-9_-]{1,64}$/;

export const listFeedback = defineSessionEndpoint({
  name: 'listFeedback',
  method: 'GET',
  path: '/v1/feedback',
  tag: 'sessions',
  scope: 'chat',
  summary: 'List rated answers that may be learned from, by their sessions',
  description:
    'Only of sessions that say "allow_training": true. The own ones; with all=true those of all subjects, which needs ' +
    'the scope `admin`. A page may have fewer sessions than it looked at: go on after `last_id` while `has_more` is true.',
  query: {
    limit: `sessions to look at, 1 to ${MAX_LIMIT}; default ${DEFAULT_LIMIT}`,
    after: '`last_id` of the page before',
    all: '"true": of all subjects',
  },
  responses: [{ status: 200, what: 'a page of sessions', schema: listSchema(feedbackSchema) }],
  examples: [{ title: 'The first', query: 'limit=10' }],
  async handle({ env, caller, request }) {
    // Nobody is to read what all others have said.
    if (accessMode(env) === 'public')
      throw new EngineError(
        'E_ACCESS_DENIED',
        'feedback: a server that is open to everyone has one subject for all callers. Serve with keys to read it.',
      );
    const query = new URL(request.url).searchParams;
    const ofAll = query.get('all') === 'true';
    if (ofAll && !allows(caller.scopes, 'admin')) throw accessDenied('admin', caller.scopes ?? []);
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const after = readAfter(query, (id) => OBJECT_NAME.test(id));
    const owner = ofAll ? null : caller;
    // One more says whether there are any.
    const names = await keptObjects(env.FILES, 'session', owner, after ?? '', limit + 1);
    const seen = names.slice(0, limit);
    const found = await Promise.all(
      seen.map(async (name) => ({ name, feedback: await env.SESSIONS.getByName(name).feedback() })),
    );
    const data = found.flatMap(({ name, feedback }) =>
      feedback === null
        ? []
        : [{ id: name, object: 'session.feedback', ...(feedback as FeedbackJson) }],
    );
    const page = listJson(data, names.length > limit);
    return Response.json({ ...page, last_id: seen.at(-1) ?? null });
  },
});
