/**
 * The type of a body. Pages of any origin may send forms and plain text without asking first, but not JSON: so a
 * body of JSON must say that it is one.
 */
import { invalidField } from '../../platform/invalid-field.ts';

const JSON_TYPE = /^application\/([a-z0-9.+-]+\+)?json\s*(;|$)/i;

/** @throws {EngineError} E_REQUEST_INVALID */
export function requireJson({ headers }: Pick<Request, 'headers'>): void {
  const type = headers.get('content-type') ?? '';
  if (JSON_TYPE.test(type)) return;
  const got = type === '' ? 'nothing' : JSON.stringify(type.slice(0, 80));
  throw invalidField('content-type', `expected application/json, got ${got}`);
}
