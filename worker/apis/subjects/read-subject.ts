/** The subject that a path names. */
import { EngineError } from '../../../engine/base/errors.ts';
import { accessMode } from '../../access/env.ts';
import type { AccessEnv } from '../../access/env.ts';
import { accessDenied } from '../../access/errors.ts';
import { allows } from '../../platform/caller.ts';
import type { Caller, Scope } from '../../platform/caller.ts';

/** The caller's own subject. */
export const ME = 'me';
/** What a key may read and delete one by one; together it needs the scopes of all. */
const OWN_SCOPES: readonly Scope[] = ['chat', 'retrieval'];

/**
 * Its own for every caller, any for one with the scope `admin`.
 * @throws {EngineError} E_NOT_FOUND for somebody else's, E_ACCESS_DENIED
 */
export function readSubject(
  env: Pick<AccessEnv, 'ACCESS'>,
  { subject, scopes }: Caller,
  params: Readonly<Record<string, string>>,
): string {
  // Nobody is to export or erase what all others keep.
  if (accessMode(env) === 'public')
    throw new EngineError(
      'E_ACCESS_DENIED',
      'subject: a server that is open to everyone has one subject for all callers. Serve with keys to export or erase.',
    );
  const id = params['id'] ?? '';
  const isOwn = id === ME || id === subject;
  if (!isOwn && !allows(scopes, 'admin')) throw subjectNotFound(id);
  const missing = isOwn ? OWN_SCOPES.find((scope) => !allows(scopes, scope)) : undefined;
  if (missing !== undefined) throw accessDenied(missing, scopes ?? []);
  return isOwn ? subject : id;
}

export function subjectNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `subject: nothing is kept for ${JSON.stringify(id.slice(0, 80))}.`,
    { param: 'id' },
  );
}
