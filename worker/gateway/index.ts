/**
 * The gateway script: the table of endpoints behind a router, CORS, and what no endpoint answers.
 * No weights and no kernels here.
 */
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { EngineError } from '../../engine/base/errors.ts';
import { BatchRunner } from '../apis/batches/batch-runner.ts';
import { askOf, dispatch, REQUEST_ID_HEADER } from '../http/dispatch.ts';
import { NO_REQUEST } from '../platform/failure.ts';
import { ANONYMOUS, callerOf } from '../platform/caller.ts';
import { ENDPOINTS } from './endpoints.ts';
import type { GatewayEnv } from './env.ts';
import { errorResponse } from '../http/error-response.ts';
import { IGNORED_HEADER } from '../http/body/unknown-fields.ts';
import { SITE } from './site.ts';

export { CollectionObject } from '../apis/retrieval/object/collection-object.ts';
export { ResponseObject } from '../apis/responses/response-object.ts';
export { Session } from '../apis/sessions/session-object.ts';

/** A batch, whose lines ask the endpoints of this script. */
export class BatchObject extends BatchRunner {
  constructor(ctx: DurableObjectState, env: GatewayEnv) {
    super(ctx, env, (subject) => askOf(SITE, env, subject));
  }
}

/** Of failures outside of any endpoint. */
const PLACE = { place: 'gateway', ...NO_REQUEST };

const app = new Hono<{ Bindings: GatewayEnv }>();

app.use(cors({ origin: '*', exposeHeaders: ['retry-after', REQUEST_ID_HEADER, IGNORED_HEADER] }));

for (const endpoint of ENDPOINTS)
  app.on(endpoint.method, endpoint.path, (c) =>
    dispatch(
      endpoint,
      { request: c.req.raw, env: c.env, caller: callerOf(ANONYMOUS), params: c.req.param() },
      SITE,
    ),
  );

// What is left of a known path came with a method it does not have.
for (const [path, rows] of Map.groupBy(ENDPOINTS, (endpoint) => endpoint.path)) {
  const allow = rows.map(({ method }) => method);
  app.all(path, ({ req }) => {
    const message = `${req.path}: expected ${allow.join(' or ')}, got ${req.method}.`;
    const error = new EngineError('E_METHOD', message, { details: { allow: allow.join(', ') } });
    return errorResponse(error, PLACE, rows[0]?.errors);
  });
}

app.notFound(({ req }) => {
  const paths = [...new Set(ENDPOINTS.map((endpoint) => endpoint.path))].join(', ');
  const message = `${req.method} ${req.path}: no such address; expected one of ${paths}.`;
  return errorResponse(new EngineError('E_NOT_FOUND', message), PLACE);
});

app.onError((error) => errorResponse(error, PLACE));

export default app;
