/** Variables and bindings that decide who may ask. */
import type { AccountObject } from './account-object.ts';
import type { AccountEnv } from './account-object.ts';
import type { ContentEnv } from './content/content-keys.ts';

/**
 * `keys`: only callers with a key or a token; `public`: everyone, chosen at deployment; `local`: everyone on
 * this machine, as `thimble dev` serves.
 */
export type AccessMode = 'keys' | 'public' | 'local';

export interface AccessEnv extends AccountEnv, ContentEnv {
  readonly ACCOUNTS: DurableObjectNamespace<AccountObject>;
  /** An AccessMode. */
  readonly ACCESS?: string;
  /** Origins of web pages that may ask, separated by commas; "*" for all. */
  readonly ALLOWED_ORIGINS?: string;
  /** Names besides loopback that a local server answers to, separated by commas; "ip" for any address. */
  readonly ALLOWED_HOSTS?: string;
  /** Address of the JSON Web Key Set of who issues tokens; no tokens are taken without one. */
  readonly JWT_JWKS_URL?: string;
  readonly JWT_ISSUER?: string;
  readonly JWT_AUDIENCE?: string;
}

/** Anything but a known mode is the strictest one. */
export function accessMode({ ACCESS }: Pick<AccessEnv, 'ACCESS'>): AccessMode {
  return ACCESS === 'public' || ACCESS === 'local' ? ACCESS : 'keys';
}

/** A variable that holds a list. */
export function listOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}
