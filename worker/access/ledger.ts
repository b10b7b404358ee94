/**
 * What one account has used, in its object's database. A reservation counts in full from the moment it is
 * made; settling it takes back what was not used, so that what is never settled stays counted.
 *
 * An answer waits until what was written before it is safe, which takes longer than everything else here. So the
 * stored state is ahead of what was used, by the next few requests: while they are covered, nothing is written.
 * `flush` stores what was really used. After a restart without it, the part that was ahead counts as used.
 */
import { EngineError } from '../../engine/base/errors.ts';
import { migrate } from '../platform/storage/migrate.ts';
import type { Amount, Limits } from './limits.ts';
import { drain, fill, waitMs } from './rate-bucket.ts';
import type { RateBucket } from './rate-bucket.ts';

/** After this time a request that was not settled no longer takes one of the places for generations. */
export const LEASE_MS = 15 * 60_000;
/**
 * What ran when the object ended takes its place for this long from its beginning, or from when it was last renewed: either
 * the request still runs, and says so, or the runtime died, and a key must not lose its places for a whole lease.
 */
export const PLACE_AFTER_RESTART_MS = 30_000;
/** Requests like the last that the stored state is ahead. */
const AHEAD_REQUESTS = 8;
/** Of a limit, the stored state is ahead by this part at most. */
const AHEAD_PART = 1 / 64;
const DAY_MS = 24 * 60 * 60_000;

const MIGRATIONS: readonly string[] = [
  `CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
   -- Requests that run. Their tokens and cost are in the state already.
   CREATE TABLE reservations (
     id TEXT PRIMARY KEY,
     tokens INTEGER NOT NULL,
     usd REAL NOT NULL,
     day INTEGER NOT NULL,
     ends_at INTEGER NOT NULL
   );`,
];

/** What a request may use at most. */
export interface Want extends Amount {
  /** Whether it generates: takes one of the places, and is settled when it ends. */
  readonly isHeld: boolean;
}

export interface LimitState {
  readonly limit: number;
  readonly remaining: number;
  /** Time until the limit is whole again. */
  readonly resetMs: number;
}

/** For the headers of an answer; null for what has no limit. */
export interface RateState {
  readonly requests: LimitState | null;
  readonly tokens: LimitState | null;
}

interface State {
  readonly requests: RateBucket | null;
  readonly tokens: RateBucket | null;
  /** Days since 1970, in UTC. */
  readonly day: number;
  readonly used: Amount;
  /** What is left of the day's share of the deployment's caps. */
  readonly slice: Amount;
  readonly storageBytes: number;
}

/** What the stored state counts and nobody has used yet. */
interface Ahead extends Amount {
  readonly requests: number;
}

interface Reservation extends Amount {
  readonly day: number;
  readonly endsAtMs: number;
  /** Whether its row is in the database. */
  readonly isStored: boolean;
  /** How long it takes a place, unless it is settled sooner. */
  readonly placeUntilMs: number;
}

/** A row of the table, with its columns' names. */
interface ReservationRow extends Record<string, SqlStorageValue> {
  id: string;
  tokens: number;
  usd: number;
  day: number;
  ends_at: number;
}

const NOTHING: Amount = { tokens: 0, usd: 0 };
const NOT_AHEAD: Ahead = { requests: 0, ...NOTHING };
const NEW: State = {
  requests: null,
  tokens: null,
  day: 0,
  used: NOTHING,
  slice: NOTHING,
  storageBytes: 0,
};

export function dayOf(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

export function untilTomorrowMs(nowMs: number): number {
  return (dayOf(nowMs) + 1) * DAY_MS - nowMs;
}

export class Ledger {
  readonly #storage: DurableObjectStorage;
  #state: State | null = null;
  #ahead: Ahead = NOT_AHEAD;
  /** Requests that run, the oldest first. */
  readonly #running = new Map<string, Reservation>();
  /** Reservations that have ended and whose rows are still there. */
  #ended: string[] = [];

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /**
   * How much more of the deployment's caps the account needs before it can reserve; null for nothing.
   */
  missing(want: Want, nowMs: number): Amount | null {
    const { slice } = this.#today(nowMs);
    const tokens = Math.max(0, want.tokens - slice.tokens);
    const usd = Math.max(0, want.usd - slice.usd);
    return tokens === 0 && usd === 0 ? null : { tokens, usd };
  }

  /** Adds what the deployment's budget gave, unless the day is over. */
  addSlice({ tokens, usd }: Amount, day: number, nowMs: number): void {
    const state = this.#today(nowMs);
    if (state.day !== day) return;
    const { slice } = state;
    this.#state = { ...state, slice: { tokens: slice.tokens + tokens, usd: slice.usd + usd } };
    this.#write();
  }

  /**
   * Counts a request. @returns the reservation's id, null when there is nothing to settle
   * @throws {EngineError} E_RATE_LIMIT with the limit and the time to wait; nothing is counted then
   */
  reserve(
    want: Want,
    limits: Limits,
    hasCaps: boolean,
    nowMs: number,
  ): { readonly reservation: string | null; readonly rates: RateState } {
    const before = this.#today(nowMs);
    if (want.isHeld) this.#requirePlace(limits.concurrency, nowMs);
    const requests = takeRate('requests', before.requests, 1, limits.requestsPerMinute, nowMs);
    const tokens = takeRate('tokens', before.tokens, want.tokens, limits.tokensPerMinute, nowMs);
    requireDay('tokens', before.used.tokens, want.tokens, limits.tokensPerDay, nowMs);
    requireDay('usd', before.used.usd, want.usd, limits.usdPerDay, nowMs);
    this.#state = addUse({ ...before, requests, tokens }, want, hasCaps);
    this.#cover({ requests: 1, tokens: want.tokens, usd: want.usd }, limits);
    const reservation = want.isHeld ? crypto.randomUUID() : null;
    if (reservation !== null) {
      const { tokens, usd } = want;
      const endsAtMs = nowMs + LEASE_MS;
      this.#running.set(reservation, {
        tokens,
        usd,
        day: before.day,
        endsAtMs,
        isStored: false,
        placeUntilMs: endsAtMs,
      });
    }
    return { reservation, rates: rateState(this.#state, limits) };
  }

  /** Replaces what was reserved by what was used. Does nothing for a reservation that is not held any more. */
  settle(reservation: string, used: Partial<Amount>, hasCaps: boolean, nowMs: number): void {
    const state = this.#today(nowMs);
    const held = this.#running.get(reservation);
    if (held === undefined) return;
    this.#end(reservation, held);
    const tokens = (used.tokens ?? held.tokens) - held.tokens;
    const usd = (used.usd ?? held.usd) - held.usd;
    const bucket = state.tokens === null ? null : drain(state.tokens, tokens);
    // Of another day only the places and the minute are left.
    const change = held.day === state.day ? { tokens, usd } : NOTHING;
    this.#state = addUse({ ...state, tokens: bucket }, change, hasCaps);
    this.#cover({ requests: 0, ...change }, null);
  }

  /** Says that a request still runs: it takes its place again if the object was begun anew in the meantime. */
  renew(reservation: string, nowMs: number): void {
    this.#today(nowMs);
    const held = this.#running.get(reservation);
    if (held === undefined) return;
    const placeUntilMs = Math.max(held.placeUntilMs, nowMs + PLACE_AFTER_RESTART_MS);
    this.#running.set(reservation, { ...held, placeUntilMs });
  }

  /**
   * Counts bytes that are kept, or, below 0, that no longer are.
   * @throws {EngineError} E_RATE_LIMIT when there is no room for them; nothing is counted then
   */
  store(bytes: number, maxBytes: number | null, nowMs: number): void {
    const state = this.#today(nowMs);
    const storageBytes = Math.max(0, state.storageBytes + bytes);
    if (bytes > 0 && maxBytes !== null && storageBytes > maxBytes)
      throw limited(
        `storage: the key may keep ${maxBytes} bytes and keeps ${state.storageBytes}; ${bytes} more do not fit. Delete files first.`,
        { limit: maxBytes, used: state.storageBytes, wanted: bytes },
      );
    this.#state = { ...state, storageBytes };
    this.#write();
  }

  /** Stores what was really used, and which requests run. */
  flush(): void {
    if (this.#state === null) return;
    const { sql } = this.#storage;
    this.#ahead = NOT_AHEAD;
    this.#storage.transactionSync(() => {
      this.#write();
      for (const id of this.#ended) sql.exec('DELETE FROM reservations WHERE id = ?', id);
      for (const [id, held] of this.#running) {
        if (held.isStored) continue;
        const row = [id, held.tokens, held.usd, held.day, held.endsAtMs];
        sql.exec('INSERT INTO reservations VALUES (?, ?, ?, ?, ?)', ...row);
        this.#running.set(id, { ...held, isStored: true });
      }
    });
    this.#ended = [];
  }

  #requirePlace(concurrency: number | null, nowMs: number): void {
    // In the order in which they end: each has the same time.
    for (const [id, held] of this.#running) {
      if (held.endsAtMs > nowMs) break;
      this.#end(id, held);
    }
    const running = this.#running
      .values()
      .reduce((n, held) => n + Number(held.placeUntilMs > nowMs), 0);
    if (concurrency === null || running < concurrency) return;
    throw limited(
      `requests: ${running} of the key run already, and it may have ${concurrency} at a time. Wait until one has ended.`,
      { limit: concurrency, used: running, retryAfterS: 1 },
    );
  }

  #end(id: string, { isStored }: Reservation): void {
    this.#running.delete(id);
    if (isStored) this.#ended.push(id);
  }

  /** Makes sure that the stored state counts a use. @param limits bound how far it gets ahead; null: not at all */
  #cover(use: Ahead, limits: Limits | null): void {
    const requests = this.#ahead.requests - use.requests;
    const tokens = this.#ahead.tokens - use.tokens;
    const usd = this.#ahead.usd - use.usd;
    this.#ahead = { requests, tokens, usd };
    if (requests >= 0 && tokens >= 0 && usd >= 0) return;
    this.#ahead = limits === null ? NOT_AHEAD : aheadOf(use, limits);
    this.#write();
  }

  /** The state, with the day's use at 0 where a new day has begun. */
  #today(nowMs: number): State {
    const state = (this.#state ??= this.#read());
    // Clocks of two machines may differ: a day never begins twice.
    const day = Math.max(state.day, dayOf(nowMs));
    if (day === state.day) return state;
    // What is stored is of the day before.
    this.#ahead = NOT_AHEAD;
    return { ...state, day, used: NOTHING, slice: NOTHING };
  }

  #read(): State {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => migrate(sql, MIGRATIONS));
    const rows = sql.exec<ReservationRow>(
      'SELECT id, tokens, usd, day, ends_at FROM reservations ORDER BY ends_at',
    );
    for (const row of rows.toArray())
      this.#running.set(row.id, {
        tokens: row.tokens,
        usd: row.usd,
        day: row.day,
        endsAtMs: row.ends_at,
        isStored: true,
        // From when it began: a next restart does not begin it again.
        placeUntilMs: row.ends_at - LEASE_MS + PLACE_AFTER_RESTART_MS,
      });
    const [row] = sql.exec<{ json: string }>('SELECT json FROM state').toArray();
    return row === undefined ? NEW : (JSON.parse(row.json) as State);
  }

  #write(): void {
    const json = JSON.stringify(withAhead(this.#state ?? NEW, this.#ahead));
    this.#storage.sql.exec('INSERT OR REPLACE INTO state VALUES (1, ?)', json);
  }
}

/** The next requests like one, as far as they are a small part of each limit. */
function aheadOf({ tokens, usd }: Ahead, limits: Limits): Ahead {
  const part = (amount: number, limit: number | null): number =>
    Math.min(AHEAD_REQUESTS * amount, (limit ?? Infinity) * AHEAD_PART);
  return {
    requests: Math.floor(part(1, limits.requestsPerMinute)),
    tokens: Math.floor(
      Math.min(part(tokens, limits.tokensPerDay), part(tokens, limits.tokensPerMinute)),
    ),
    usd: part(usd, limits.usdPerDay),
  };
}

/** The state once everything that it is ahead was used. */
function withAhead(state: State, ahead: Ahead): State {
  const { requests, tokens, used, slice } = state;
  return {
    ...state,
    requests: requests === null ? null : drain(requests, ahead.requests),
    tokens: tokens === null ? null : drain(tokens, ahead.tokens),
    used: { tokens: used.tokens + ahead.tokens, usd: used.usd + ahead.usd },
    slice: { tokens: slice.tokens - ahead.tokens, usd: slice.usd - ahead.usd },
  };
}

/** @throws {EngineError} E_RATE_LIMIT */
function takeRate(
  what: 'requests' | 'tokens',
  bucket: RateBucket | null,
  amount: number,
  perMinute: number | null,
  nowMs: number,
): RateBucket | null {
  if (perMinute === null) return null;
  const filled = fill(bucket, perMinute, nowMs);
  const ms = waitMs(filled, amount, perMinute);
  if (ms === 0) return drain(filled, amount);
  const left = Math.max(0, Math.floor(filled.level));
  const fix = Number.isFinite(ms)
    ? `Wait ${Math.ceil(ms / 1000)} s`
    : 'Send a shorter prompt, or ask for fewer tokens';
  throw limited(
    `${what}: the key may use ${perMinute} in a minute and has ${left} left; this request may take ${amount}. ${fix}.`,
    { limit: perMinute, remaining: left, wanted: amount, ...retryAfter(ms) },
  );
}

/** @throws {EngineError} E_RATE_LIMIT */
function requireDay(
  what: 'tokens' | 'usd',
  used: number,
  amount: number,
  limit: number | null,
  nowMs: number,
): void {
  if (limit === null || used + amount <= limit) return;
  throw limited(
    `${what}: the key may use ${limit} in a day (UTC) and has used or reserved ${round(used)}; this request may take ${round(amount)}. Ask for less, or wait until tomorrow.`,
    { limit, used: round(used), wanted: round(amount), ...retryAfter(untilTomorrowMs(nowMs)) },
  );
}

/** The error of the caps that all keys share. */
export function capReached(nowMs: number): EngineError {
  return limited(
    'deployment: what it may use in a day (UTC) is used or reserved. Ask for less, or wait until tomorrow.',
    retryAfter(untilTomorrowMs(nowMs)),
  );
}

function limited(message: string, details: Readonly<Record<string, unknown>>): EngineError {
  return new EngineError('E_RATE_LIMIT', message, { details });
}

function retryAfter(ms: number): { readonly retryAfterS?: number } {
  return Number.isFinite(ms) ? { retryAfterS: Math.max(1, Math.ceil(ms / 1000)) } : {};
}

function addUse(state: State, { tokens, usd }: Amount, hasCaps: boolean): State {
  const { used, slice } = state;
  return {
    ...state,
    used: { tokens: Math.max(0, used.tokens + tokens), usd: Math.max(0, used.usd + usd) },
    slice: hasCaps ? { tokens: slice.tokens - tokens, usd: slice.usd - usd } : slice,
  };
}

function rateState({ requests, tokens }: State, limits: Limits): RateState {
  const stateOf = (bucket: RateBucket | null, limit: number | null): LimitState | null =>
    bucket === null || limit === null
      ? null
      : {
          limit,
          remaining: Math.max(0, Math.floor(bucket.level)),
          resetMs: waitMs(bucket, limit, limit),
        };
  return {
    requests: stateOf(requests, limits.requestsPerMinute),
    tokens: stateOf(tokens, limits.tokensPerMinute),
  };
}

/** Six significant digits: costs are small fractions. */
function round(value: number): number {
  return Number(value.toPrecision(6));
}
