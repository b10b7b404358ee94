/** Refusals of callers. None of them says whether a key's id exists. */
import { EngineError } from '../../engine/base/errors.ts';
import type { Scope } from '../platform/caller.ts';

export function missingKey(): EngineError {
  return new EngineError(
    'E_KEY_INVALID',
    'authorization: a key is needed; expected "Authorization: Bearer KEY" or "x-api-key: KEY". The owner of this server makes one with: thimble keys create --name NAME.',
  );
}

export function invalidKey(): EngineError {
  return new EngineError(
    'E_KEY_INVALID',
    'authorization: the key is not valid here; expected one that was made with thimble keys create, was not revoked and has not expired. Ask the owner of this server for another.',
  );
}

export function invalidToken(reason: string): EngineError {
  return new EngineError(
    'E_KEY_INVALID',
    `authorization: the token is not valid here (${reason}). Sign in again.`,
  );
}

export function accessDenied(needed: Scope | null, scopes: readonly Scope[]): EngineError {
  return new EngineError(
    'E_ACCESS_DENIED',
    `authorization: this needs the scope ${JSON.stringify(needed)}, and the key has ${JSON.stringify(scopes)}. Use a key with that scope.`,
    { details: { needed, scopes } },
  );
}

export function noKeysYet(): EngineError {
  return new EngineError(
    'E_KEYS_MISSING',
    'access: this deployment has no key yet, so that it answers nobody. Create one with: thimble keys create --remote --name NAME. (Or open it to everyone: thimble deploy --public.)',
  );
}
