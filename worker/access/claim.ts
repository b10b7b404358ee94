/** What accounts are asked, and what they answer. */
import type { Caller, Scope } from '../platform/caller.ts';
import type { RateState, Want } from './ledger.ts';

/** Account of all callers of a deployment without keys. */
export const PUBLIC_ACCOUNT = 'public';

/** What a caller is and may do, as its key's record says. */
export type Identity = Pick<Caller, 'subject' | 'scopes' | 'models'>;

export interface Claim {
  /** Name of the account. */
  readonly account: string;
  /**
   * Hash of the secret that the caller sent; null for what this server asks for a caller that it has checked
   * before, such as a line of a batch.
   */
  readonly secretHash: string | null;
  /** Who the caller is where no key says it: by a token, or in a deployment without keys. */
  readonly identity: Identity | null;
}

export interface AdmitRequest extends Claim {
  /** What the caller must be allowed to do. */
  readonly scope: Scope | null;
  readonly want: Want;
}

export interface Admission extends Identity {
  readonly reservation: string | null;
  readonly rates: RateState;
}
