/**
 * An account: one object a key. One call a request checks the key and reserves what the request may use;
 * another, after the answer, says what it has used.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { allows, ANONYMOUS } from '../platform/caller.ts';
import type { CallContext } from '../platform/failure.ts';
import { answerCall } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import { PortableObject } from '../platform/storage/portable-object.ts';
import { retryStorage } from '../platform/storage/retry-storage.ts';
import { BUDGET_NAME } from './budget-object.ts';
import type { BudgetObject } from './budget-object.ts';
import { PUBLIC_ACCOUNT } from './claim.ts';
import type { Admission, AdmitRequest, Claim, Identity } from './claim.ts';
import { accessDenied, invalidKey } from './errors.ts';
import {
  isInForce,
  isKeyId,
  isSecretOf,
  keyPath,
  parseKeyRecord,
  RECORD_MS,
} from './key-record.ts';
import type { KeyRecord } from './key-record.ts';
import { capReached, dayOf, Ledger } from './ledger.ts';
import type { Want } from './ledger.ts';
import { limitsOf, NO_LIMITS, readCaps } from './limits.ts';
import type { Amount, Limits, LimitVars } from './limits.ts';

/** What was really used is stored at most this much later. The platform keeps an idle object for 10 s or more. */
const FLUSH_MS = 3000;
/** Times the budget is asked again because others took what it gave. */
const MAX_SLICE_TRIES = 8;
export interface AccountEnv extends LimitVars {
  readonly MODELS: R2Bucket;
  readonly BUDGET: DurableObjectNamespace<BudgetObject>;
}

interface Known {
  readonly record: KeyRecord | null;
  readonly untilMs: number;
}

export class AccountObject extends PortableObject<AccountEnv> {
  readonly #ledger = new Ledger(this.ctx.storage);
  #known: Known | null = null;
  #isFlushDue = false;
  #reading: Promise<Known> | null = null;

  /** Checks a key without counting anything. Answers with the milliseconds for which it may be believed. */
  async verify(call: CallContext, claim: Claim): Promise<RpcAnswer<number>> {
    return await answerCall({ place: 'account.verify', ...call }, async () => {
      await this.#identify(claim);
      return Math.max(0, (this.#known?.untilMs ?? 0) - Date.now());
    });
  }

  /** Checks the key and its scope, and reserves what the request may use. */
  async admit(call: CallContext, request: AdmitRequest): Promise<RpcAnswer<Admission>> {
    return await answerCall({ place: 'account.admit', ...call }, async () => {
      const { identity, limits } = await this.#identify(request);
      if (!allows(identity.scopes, request.scope))
        throw accessDenied(request.scope, identity.scopes ?? []);
      return { ...identity, ...(await this.#reserve(request.want, limits)) };
    });
  }

  /** @param used what is absent counts as it was reserved */
  settle(reservation: string, used: Partial<Amount>): void {
    this.#flushSoon();
    this.#ledger.settle(reservation, used, this.#hasCaps(), Date.now());
  }

  /** Says that a request still runs. The object stays, or learns of it after it was begun anew. */
  renew(reservation: string): void {
    this.#ledger.renew(reservation, Date.now());
  }

  /** Counts bytes that are kept, or, below 0, that no longer are. */
  async store(call: CallContext, claim: Claim, bytes: number): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'account.store', ...call }, async () => {
      const maxBytes = bytes <= 0 ? null : (await this.#identify(claim)).limits.storageBytes;
      this.#ledger.store(bytes, maxBytes, Date.now());
      return null;
    });
  }

  async #identify({ account, secretHash, identity }: Claim): Promise<{
    readonly identity: Identity;
    readonly limits: Limits;
  }> {
    if (!isKeyId(account)) {
      const limits = account === PUBLIC_ACCOUNT ? NO_LIMITS : limitsOf(null, this.env);
      return { identity: identity ?? NOBODY, limits };
    }
    const { record } = await this.#readRecord(account);
    const nowMs = Date.now();
    // One message for all: it tells nobody which ids exist.
    if (record === null || !isInForce(record, nowMs)) throw invalidKey();
    if (secretHash !== null && !isSecretOf(record, secretHash, nowMs)) throw invalidKey();
    const { subject, scopes, models } = record;
    return { identity: { subject, scopes, models }, limits: limitsOf(record.limits, this.env) };
  }

  /** Requests that arrive in the meantime share the result. */
  async #readRecord(id: string): Promise<Known> {
    if (this.#known !== null && Date.now() < this.#known.untilMs) return this.#known;
    this.#reading ??= this.#fetchRecord(id).finally(() => (this.#reading = null));
    return (this.#known = await this.#reading);
  }

  async #fetchRecord(id: string): Promise<Known> {
    const untilMs = Date.now() + RECORD_MS;
    const path = keyPath(id);
    const text = await retryStorage(path, async () => (await this.env.MODELS.get(path))?.text());
    return { record: text === undefined ? null : parseKeyRecord(text, path), untilMs };
  }

  /** Before the platform puts an idle object away. */
  #flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    const flush = async (): Promise<void> => {
      await scheduler.wait(FLUSH_MS);
      this.#isFlushDue = false;
      this.#ledger.flush();
    };
    this.ctx.waitUntil(flush());
  }

  #hasCaps(): boolean {
    const { tokens, usd } = readCaps(this.env);
    return tokens !== Infinity || usd !== Infinity;
  }

  /** Reserves once the account has its share of the deployment's caps. @throws {EngineError} E_RATE_LIMIT */
  async #reserve(want: Want, limits: Limits): Promise<ReturnType<Ledger['reserve']>> {
    const hasCaps = this.#hasCaps();
    for (let i = 0; i < MAX_SLICE_TRIES; i++) {
      const nowMs = Date.now();
      const need = hasCaps ? this.#ledger.missing(want, nowMs) : null;
      // Nothing is awaited between this check and the reservation.
      if (need === null) {
        this.#flushSoon();
        return this.#ledger.reserve(want, limits, hasCaps, nowMs);
      }
      const day = dayOf(nowMs);
      const given = await this.env.BUDGET.getByName(BUDGET_NAME).take(day, need);
      if (given.tokens < need.tokens || given.usd < need.usd) throw capReached(nowMs);
      this.#ledger.addSlice(given, day, Date.now());
    }
    throw new EngineError(
      'E_BUSY',
      'account: other requests of the key always took what the deployment gave. Try again.',
    );
  }
}

const NOBODY: Identity = { subject: ANONYMOUS, scopes: [], models: [] };
