/** Callers with a JSON Web Token (RFC 7519) instead of a key, by the public keys of who issues them. */
import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { EngineError } from '../../engine/base/errors.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { SCOPES } from '../platform/caller.ts';
import type { Scope } from '../platform/caller.ts';
import type { Identity } from './claim.ts';
import type { AccessEnv } from './env.ts';
import { listOf } from './env.ts';
import { invalidToken } from './errors.ts';
import { MAX_SUBJECT_CHARS } from './key-record.ts';

/** Signatures by a private key only: a shared secret would have to lie here. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
];
const CLOCK_TOLERANCE_S = 30;
/** Three parts of base64url: no key looks like this. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;

type TokenEnv = Pick<AccessEnv, 'JWT_JWKS_URL' | 'JWT_ISSUER' | 'JWT_AUDIENCE'>;
type KeySet = ReturnType<typeof createRemoteJWKSet>;

/** By address: each keeps what it has fetched, and fetches again at most every 30 s. */
const keySets = new Map<string, KeySet>();

export function takesTokens({ JWT_JWKS_URL }: TokenEnv): boolean {
  return JWT_JWKS_URL !== undefined && JWT_JWKS_URL !== '';
}

export function looksLikeToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * Who a token is of. Its claim `scope` holds scopes of ours, its claim `thimble_models` ids of models.
 * @throws {EngineError} E_KEY_INVALID for a token that is not valid; E_USAGE for settings that are not;
 * E_BACKEND_UNAVAILABLE when the key set cannot be fetched
 */
export async function identifyToken(text: string, env: TokenEnv): Promise<Identity> {
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = env;
  if (!issuer || !audience)
    throw new EngineError(
      'E_USAGE',
      'access: JWT_JWKS_URL is set; expected JWT_ISSUER and JWT_AUDIENCE, too.',
    );
  try {
    const options = {
      issuer,
      audience: listOf(audience),
      algorithms: ALGORITHMS,
      clockTolerance: CLOCK_TOLERANCE_S,
      requiredClaims: ['sub', 'exp'],
    };
    const { payload } = await jwtVerify(text, keySetOf(env), options);
    return await identityOf(payload);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    // Its code says what is wrong, and never quotes the token.
    if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout))
      throw invalidToken(error.code);
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      'access: the key set of JWT_JWKS_URL could not be fetched. Try again.',
      { cause: error },
    );
  }
}

function keySetOf({ JWT_JWKS_URL = '' }: TokenEnv): KeySet {
  let keySet = keySets.get(JWT_JWKS_URL);
  if (keySet === undefined) {
    keySet = createRemoteJWKSet(new URL(JWT_JWKS_URL));
    keySets.set(JWT_JWKS_URL, keySet);
  }
  return keySet;
}

async function identityOf({ iss, sub, scope, ...claims }: JWTPayload): Promise<Identity> {
  const named = typeof scope === 'string' ? scope.split(' ') : [];
  const models = claims['thimble_models'];
  const isList = Array.isArray(models) && models.every((id) => typeof id === 'string');
  if (models !== undefined && !isList) throw invalidToken('thimble_models is not a list of ids');
  return {
    subject: await subjectOf(`${iss}|${sub}`),
    scopes: SCOPES.filter((name: Scope) => named.includes(name)),
    models: isList ? models : null,
  };
}

/** Names of objects have a bound, and claims of others any length. */
async function subjectOf(text: string): Promise<string> {
  const isShort = text.length <= MAX_SUBJECT_CHARS && /^[\x20-\x7e]*$/.test(text);
  return `jwt:${isShort ? text : await sha256Hex(new Uint8Array(new TextEncoder().encode(text)))}`;
}
