/**
 * Thimble in a Worker of one's own: the gateway as a Hono app, and the classes of its Durable Objects, which the
 * Worker's module has to export under these names for the bindings of its wrangler.toml.
 */
import { Hono } from 'hono';
import { gatewayApp } from '../../worker/gateway/router.ts';
import { openGate } from '../../worker/access/gate.ts';
import type { GatewayEnv } from '../../worker/gateway/env.ts';
import * as objects from '../../worker/gateway/index.ts';

export interface ThimbleOptions<Env extends object = object> {
  /**
   * Who sends a request, for a Worker that has checked its callers itself: what they store is kept apart by this
   * name. By default the gateway checks keys, as `ACCESS` says.
   */
  readonly subject?: (request: Request, env: Env) => string;
}

/** A class of Durable Objects, to be exported by the Worker's module. */
export type ObjectClass = new (...args: never[]) => object;

export const Session: ObjectClass = objects.Session;
export const ResponseObject: ObjectClass = objects.ResponseObject;
export const BatchObject: ObjectClass = objects.BatchObject;
export const CollectionObject: ObjectClass = objects.CollectionObject;
export const AccountObject: ObjectClass = objects.AccountObject;
export const BudgetObject: ObjectClass = objects.BudgetObject;
export const SubjectKeyObject: ObjectClass = objects.SubjectKeyObject;

/**
 * All endpoints of the gateway (`/v1/chat/completions` and the others) below the path that it is mounted at:
 * `app.route('/ai', thimble())`. The pages (`/`, `/docs`) ask for `/v1/...`: they work when it is mounted at `/`.
 */
export function thimble<Env extends object = object>(
  options: ThimbleOptions<Env> = {},
): Hono<{ Bindings: Env }> {
  const { subject } = options;
  const gateway = gatewayApp(
    ...(subject === undefined
      ? []
      : [
          (request: Request, env: GatewayEnv, requestId: string) =>
            openGate(subject(request, env as unknown as Env), requestId),
        ]),
  );
  return new Hono<{ Bindings: Env }>().all('*', (context) => {
    const { req, env, executionCtx } = context;
    // `/ai/*` when it is mounted at /ai.
    const base = req.routePath.replace(/\/?\*$/, '');
    const url = new URL(req.url);
    url.pathname = url.pathname.slice(base.length) || '/';
    return gateway.fetch!(
      new Request(url, req.raw) as Parameters<NonNullable<typeof gateway.fetch>>[0],
      env as unknown as GatewayEnv,
      executionCtx as ExecutionContext,
    );
  });
}
