/** The table of endpoints as an app: a router, CORS, and errors for unknown paths and methods. */
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { EngineError } from '../../engine/base/errors.ts';
import { IGNORED_HEADER } from '../http/body/unknown-fields.ts';
import { dispatch, REQUEST_ID_HEADER } from '../http/dispatch.ts';
import { GENERATED_HEADER } from '../http/generated.ts';
import { errorResponse } from '../http/error-response.ts';
import type { Caller } from '../platform/caller.ts';
import { NO_REQUEST } from '../platform/failure.ts';
import { ENDPOINTS } from './endpoints.ts';
import type { GatewayEnv } from './env.ts';
import { SITE } from './site.ts';

/** Place of failures outside any endpoint. */
const PLACE = { place: 'gateway', ...NO_REQUEST };

/** @param callerFor identifies the caller of a request */
export function gatewayApp(
  callerFor: (request: Request) => Caller,
): Hono<{ Bindings: GatewayEnv }> {
  const app = new Hono<{ Bindings: GatewayEnv }>();
  const exposeHeaders = ['retry-after', REQUEST_ID_HEADER, IGNORED_HEADER, GENERATED_HEADER];
  app.use(cors({ origin: '*', exposeHeaders }));

  for (const endpoint of ENDPOINTS)
    app.on(endpoint.method, endpoint.path, ({ req, env }) => {
      const call = { request: req.raw, env, caller: callerFor(req.raw), params: req.param() };
      return dispatch(endpoint, call, SITE);
    });

  // A request that gets here on a known path has the wrong method.
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
    const message = `${req.method} ${req.path}: no such path; expected one of ${paths}.`;
    return errorResponse(new EngineError('E_NOT_FOUND', message), PLACE);
  });

  app.onError((error) => errorResponse(error, PLACE));
  return app;
}
