/** A session's id in a path. */
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { sessionId } from '../../serving/fields/common.ts';

/** @throws {EngineError} E_REQUEST_INVALID */
export function readSessionId(params: Readonly<Record<string, string>>): string {
  const id = params['id'] ?? '';
  if (sessionId.safeParse(id).success) return id;
  throw invalidField(
    'session',
    `expected 1 to 64 letters, digits, "-" or "_", got ${JSON.stringify(id.slice(0, 80))}`,
  );
}

export function sessionNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `session: no session ${JSON.stringify(id)}. A chat request with "session" creates one.`,
    {
      param: 'session',
    },
  );
}
