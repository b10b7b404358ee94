/** GET and DELETE /v1/sessions/:id. */
import { EngineError } from '../../../engine/base/errors.ts';
import { sessionId } from '../schemas/common.ts';
import type { Route, RouteContext } from './route.ts';

const path = '/v1/sessions/:id';

export const getSession: Route = {
  method: 'GET',
  path,
  async handle(context) {
    const id = readId(context);
    const session = await context.env.SESSIONS.getByName(id).read();
    if (session === null) throw notFound(id);
    return Response.json({ id, ...session });
  },
};

export const deleteSession: Route = {
  method: 'DELETE',
  path,
  async handle(context) {
    const id = readId(context);
    const deleted = await context.env.SESSIONS.getByName(id).clear();
    if (!deleted) throw notFound(id);
    return Response.json({ id, object: 'session.deleted', deleted: true });
  },
};

function readId({ params }: RouteContext): string {
  const id = params['id'] ?? '';
  if (sessionId.safeParse(id).success) return id;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `session: expected 1 to 64 letters, digits, "-" or "_", got ${JSON.stringify(id.slice(0, 80))}.`,
    { param: 'session' },
  );
}

function notFound(id: string): EngineError {
  return new EngineError('E_NOT_FOUND', `session: no session ${JSON.stringify(id)}.`, {
    param: 'session',
  });
}
