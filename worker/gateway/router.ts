/** The table of endpoints as an app: who may ask, a router, and errors for unknown paths and methods. */
import { Hono } from 'hono';
import { EngineError } from '../../engine/base/errors.ts';
import { gateOf, openGate } from '../access/gate.ts';
import type { Gate } from '../access/gate.ts';
import { dispatch } from '../http/dispatch.ts';
import type { WaitUntil } from '../http/endpoint.ts';
import { errorResponse } from '../http/error-response.ts';
import { originHeaders, preflight, REQUEST_ID_HEADER, screen } from '../http/screen.ts';
import { securityHeaders } from '../http/security-headers.ts';
import { withHeaders } from '../http/with-headers.ts';
import { ANONYMOUS, newRequestId } from '../platform/caller.ts';
import type { Place } from '../platform/failure.ts';
import { ENDPOINTS } from './endpoints.ts';
import type { GatewayEnv } from './env.ts';
import { SITE } from './site.ts';

/** Makes the gate that a request has to pass. */
export type GateOf = (request: Request, env: GatewayEnv, requestId: string) => Gate;

/** What the routes get of a request besides itself. */
interface Asked {
  readonly env: GatewayEnv;
  readonly requestId: string;
  readonly waitUntil: WaitUntil;
}

/** @param gateFor identifies the caller of a request */
export function gatewayApp(gateFor: GateOf = gateOf): ExportedHandler<GatewayEnv> {
  const routes = routesOf(gateFor);
  return {
    async fetch(request, env, context) {
      const requestId = newRequestId();
      const asked: Asked = { env, requestId, waitUntil: (promise) => context.waitUntil(promise) };
      const response = await answerTo(request, asked, routes);
      return withHeaders(response, {
        ...securityHeaders(request, response),
        ...originHeaders(request, env),
        [REQUEST_ID_HEADER]: response.headers.get(REQUEST_ID_HEADER) ?? requestId,
      });
    },
  };
}

async function answerTo(request: Request, asked: Asked, routes: Routes): Promise<Response> {
  try {
    screen(request, asked.env);
    return preflight(request) ?? (await routes.fetch(request, { asked }));
  } catch (error) {
    return errorResponse(error, placeOf(asked));
  }
}

type Routes = Hono<{ Bindings: { readonly asked: Asked } }>;

function routesOf(gateFor: GateOf): Routes {
  const app: Routes = new Hono();

  for (const endpoint of ENDPOINTS)
    app.on(endpoint.method, pathsOf(endpoint.path), ({ req, env: { asked } }) => {
      const { env, requestId } = asked;
      const gate =
        endpoint.scope === null ? openGate(ANONYMOUS, requestId) : gateFor(req.raw, env, requestId);
      const call = { ...asked, request: req.raw, gate, params: req.param() };
      return dispatch(endpoint, call, SITE);
    });

  // A request that gets here on a known path has the wrong method.
  for (const [path, rows] of Map.groupBy(ENDPOINTS, (endpoint) => endpoint.path)) {
    const allow = rows.map(({ method }) => method);
    app.on('ALL', pathsOf(path), ({ req, env: { asked } }) => {
      const message = `${req.path}: expected ${allow.join(' or ')}, got ${req.method}.`;
      const error = new EngineError('E_METHOD', message, { details: { allow: allow.join(', ') } });
      return errorResponse(error, placeOf(asked), rows[0]?.errors);
    });
  }

  app.notFound(({ req, env: { asked } }) => {
    const paths = [...new Set(ENDPOINTS.map((endpoint) => endpoint.path))].join(', ');
    const message = `${req.method} ${req.path}: no such path; expected one of ${paths}.`;
    return errorResponse(new EngineError('E_NOT_FOUND', message), placeOf(asked));
  });

  app.onError((error, { env: { asked } }) => errorResponse(error, placeOf(asked)));
  return app;
}

const VERSION_PATH = '/v1';

/** The path, and the one without the version: clients are given one base URL or the other. */
function pathsOf(path: string): string[] {
  return path.startsWith(`${VERSION_PATH}/`) ? [path, path.slice(VERSION_PATH.length)] : [path];
}

/** Place of failures outside any endpoint. */
function placeOf({ requestId }: Asked): Place {
  return { place: 'gateway', requestId };
}
