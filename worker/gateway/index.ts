/**
 * The gateway script: routes, CORS, and the one place where errors become responses. No weights and
 * no kernels here.
 */
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { EngineError } from '../../engine/base/errors.ts';
import type { GatewayEnv } from './env.ts';
import { errorResponse } from './error-response.ts';
import { ROUTES } from './routes/index.ts';

export { Session } from '../session/session.ts';

const app = new Hono<{ Bindings: GatewayEnv }>();

app.use(cors({ origin: '*', exposeHeaders: ['retry-after'] }));

for (const { method, path, handle } of ROUTES)
  app.on(method, path, (c) => handle({ request: c.req.raw, env: c.env, params: c.req.param() }));

// What is left of a known path came with a method it does not have.
for (const path of new Set(ROUTES.map((route) => route.path))) {
  const allow = ROUTES.filter((route) => route.path === path).map(({ method }) => method);
  app.all(path, ({ req }) => {
    const message = `${req.path}: expected ${allow.join(' or ')}, got ${req.method}.`;
    throw new EngineError('E_METHOD', message, { details: { allow: allow.join(', ') } });
  });
}

app.notFound(({ req }) => {
  const paths = [...new Set(ROUTES.map((route) => route.path))].join(', ');
  const message = `${req.method} ${req.path}: no such address; expected one of ${paths}.`;
  return errorResponse(new EngineError('E_NOT_FOUND', message));
});

app.onError((error) => errorResponse(error));

export default app;
