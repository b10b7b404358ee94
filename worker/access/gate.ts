/** The way from a request to a caller: who asks, whether they may, and what the request may use. */
import { EngineError } from '../../engine/base/errors.ts';
import { RecentCache } from '../../engine/base/recent-cache.ts';
import { ANONYMOUS, callerOf } from '../platform/caller.ts';
import type { Caller, Scope } from '../platform/caller.ts';
import { ask } from '../platform/rpc.ts';
import { retryStorage } from '../platform/storage/retry-storage.ts';
import type { AccountObject } from './account-object.ts';
import { PUBLIC_ACCOUNT } from './claim.ts';
import type { Admission, Claim } from './claim.ts';
import { credentialOf } from './credentials.ts';
import { accessMode } from './env.ts';
import type { AccessEnv } from './env.ts';
import { invalidKey, noKeysYet } from './errors.ts';
import { KeyIds } from './key-ids.ts';
import { hashSecret, KEYS_PREFIX, parseKey } from './key-record.ts';
import type { RateState, Want } from './ledger.ts';
import type { Amount } from './limits.ts';
import { identifyToken, looksLikeToken, takesTokens } from './token.ts';

export interface Admitted {
  readonly caller: Caller;
  /** What is left of the caller's limits; null where nothing is counted. */
  readonly rates: RateState | null;
}

export interface Gate {
  /** Checks who asks before the request's body is read. @throws {EngineError} E_KEY_INVALID, E_KEYS_MISSING */
  verify(): Promise<void>;
  /**
   * Checks what the caller may do, and reserves what the request may use.
   * @throws {EngineError} E_KEY_INVALID, E_KEYS_MISSING, E_ACCESS_DENIED, E_RATE_LIMIT
   */
  admit(scope: Scope | null, want: Want): Promise<Admitted>;
}

/** Until when keys that were verified are believed, by account and hash. */
const verified = new RecentCache<string, number>({ maxEntries: 10_000 });
const keyIds = new KeyIds();
/** How long it is believed that a deployment has no keys. */
const NO_KEYS_MS = 2000;
/** A deployment that had a key once is never without one again: revoked keys stay. */
let hadKeys = false;
let noKeysUntilMs = 0;

/** Lets everyone through: on this machine, and for what is open to all. */
export function openGate(subject: string, requestId: string): Gate {
  return {
    verify: () => Promise.resolve(),
    admit: () => Promise.resolve({ caller: callerOf(subject, requestId), rates: null }),
  };
}

/** The gate of a request from outside. Nothing is asked yet. */
export function gateOf(request: Request, env: AccessEnv, requestId: string): Gate {
  const mode = accessMode(env);
  if (mode === 'local') return openGate(ANONYMOUS, requestId);
  if (mode === 'public') {
    const identity = { subject: ANONYMOUS, scopes: null, models: null };
    return claimGate(env, { account: PUBLIC_ACCOUNT, secretHash: null, identity }, requestId);
  }
  let claimed: Promise<Claim> | null = null;
  const gate = async (): Promise<Gate> =>
    claimGate(env, await (claimed ??= claimOf(request, env)), requestId);
  return {
    verify: () => withNoKeys(env, async () => await (await gate()).verify()),
    admit: (scope, want) => withNoKeys(env, async () => await (await gate()).admit(scope, want)),
  };
}

/** The gate of what this server asks for a caller that it has let in: lines of a batch, messages of a socket. */
export function gateOfCaller(env: AccessEnv, caller: Caller): Gate {
  const { account, subject, scopes, models, requestId } = caller;
  if (account === null) return openGate(subject, requestId);
  const identity = { subject, scopes, models };
  return claimGate(env, { account, secretHash: null, identity }, requestId);
}

/** Says what a request has used; absent amounts count as they were reserved. */
export async function settle(
  env: Pick<AccessEnv, 'ACCOUNTS'>,
  { account, reservation }: Caller,
  used: Partial<Amount>,
): Promise<void> {
  if (account === null || reservation === null) return;
  await env.ACCOUNTS.getByName(account).settle(reservation, used);
}

/** Says that a caller's request still runs. */
export async function renew(
  env: Pick<AccessEnv, 'ACCOUNTS'>,
  { account, reservation }: Caller,
): Promise<void> {
  if (account === null || reservation === null) return;
  await env.ACCOUNTS.getByName(account).renew(reservation);
}

/** Counts bytes that a caller keeps, or, below 0, that it no longer does. @throws {EngineError} E_RATE_LIMIT */
export async function countStored(
  env: Pick<AccessEnv, 'ACCOUNTS'>,
  { account, requestId, subject, scopes, models }: Caller,
  bytes: number,
): Promise<void> {
  if (account === null) return;
  const claim: Claim = { account, secretHash: null, identity: { subject, scopes, models } };
  await ask<null>('accounts', () =>
    env.ACCOUNTS.getByName(account).store({ requestId }, claim, bytes),
  );
}

function claimGate(env: AccessEnv, claim: Claim, requestId: string): Gate {
  const stub = (): DurableObjectStub<AccountObject> => env.ACCOUNTS.getByName(claim.account);
  /** Before anything is asked of an object, which would be made for any id. */
  const refuseUnknown = async (): Promise<void> => {
    if (claim.secretHash === null) return;
    if (!(await keyIds.mayHold(env.MODELS, claim.account))) throw invalidKey();
  };
  return {
    async verify() {
      const { account, secretHash } = claim;
      // Without a secret there is nothing to check before the request itself.
      if (secretHash === null) return;
      const key = `${account} ${secretHash}`;
      if ((verified.get(key) ?? 0) > Date.now()) return;
      await refuseUnknown();
      const forMs = await ask<number>('accounts', () => stub().verify({ requestId }, claim));
      verified.set(key, Date.now() + forMs);
    },
    async admit(scope, want) {
      await refuseUnknown();
      const admitted = await ask<Admission>('accounts', () =>
        stub().admit({ requestId }, { ...claim, scope, want }),
      );
      const { rates, ...identity } = admitted;
      return { caller: { ...identity, requestId, account: claim.account }, rates };
    },
  };
}

/** @throws {EngineError} E_KEY_INVALID */
async function claimOf(request: Request, env: AccessEnv): Promise<Claim> {
  const text = credentialOf(request);
  const key = parseKey(text);
  if (key !== null)
    return { account: key.id, secretHash: await hashSecret(key.secret), identity: null };
  if (!takesTokens(env) || !looksLikeToken(text)) throw invalidKey();
  const identity = await identifyToken(text, env);
  return { account: identity.subject, secretHash: null, identity };
}

/** A refusal says so where nobody could be let in, since no key exists. */
async function withNoKeys<T>(env: AccessEnv, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const isRefused = error instanceof EngineError && error.code === 'E_KEY_INVALID';
    if (isRefused && !takesTokens(env) && !(await hasKeys(env))) throw noKeysYet();
    throw error;
  }
}

async function hasKeys({ MODELS }: Pick<AccessEnv, 'MODELS'>): Promise<boolean> {
  if (hadKeys) return true;
  if (Date.now() < noKeysUntilMs) return false;
  const prefix = KEYS_PREFIX;
  const { objects } = await retryStorage(prefix, () => MODELS.list({ prefix, limit: 1 }));
  if (objects.length > 0) hadKeys = true;
  else noKeysUntilMs = Date.now() + NO_KEYS_MS;
  return objects.length > 0;
}
