/** What an account counts, with a clock of the test's own. */
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { LEASE_MS, Ledger, PLACE_AFTER_RESTART_MS } from '../../../worker/access/ledger.ts';
import type { Want } from '../../../worker/access/ledger.ts';
import { limitsOf, NO_LIMITS } from '../../../worker/access/limits.ts';
import type { Limits } from '../../../worker/access/limits.ts';
import { drain, fill, waitMs } from '../../../worker/access/rate-bucket.ts';
import { seededRandom } from '../../support/random.ts';
import { sqliteStorage } from '../../support/sqlite-storage.ts';

const DAY_MS = 86_400_000;
const NOON = 20_000.5 * DAY_MS;
const tokens = (n: number): Want => ({ tokens: n, usd: n / 1000, isHeld: true });
const limits = (own: Partial<Limits>): Limits => ({ ...NO_LIMITS, ...own });

/** Tokens that a day's limit still lets through. */
function leftOf(ledger: Ledger, limit: number, nowMs: number): number {
  let left = 0;
  for (let step = limit; step >= 1; step = Math.floor(step / 2))
    while (fits(ledger, left + step, limit, nowMs)) left += step;
  return left;
}

function fits(ledger: Ledger, n: number, limit: number, nowMs: number): boolean {
  try {
    const { reservation } = ledger.reserve(
      tokens(n),
      limits({ tokensPerDay: limit }),
      false,
      nowMs,
    );
    ledger.settle(reservation!, { tokens: 0, usd: 0 }, false, nowMs);
    return true;
  } catch {
    return false;
  }
}

function reserve(ledger: Ledger, n: number, own: Partial<Limits>, nowMs = NOON): string {
  return ledger.reserve(tokens(n), limits(own), false, nowMs).reservation!;
}

test('a bucket fills evenly, up to its limit, and says how long to wait', () => {
  const empty = drain(fill(null, 60, 0), 60);
  expect(fill(empty, 60, 1000).level).toBe(1);
  expect(fill(empty, 60, 30_000).level).toBe(30);
  expect(fill(empty, 60, 10 * 60_000).level).toBe(60);
  // A clock that goes back gives nothing, and takes nothing.
  expect(fill(fill(empty, 60, 1000), 60, 0).level).toBe(1);
  expect(waitMs(empty, 1, 60)).toBe(1000);
  expect(waitMs(empty, 61, 60)).toBe(Infinity);
  expect(waitMs(drain(empty, 60), 1, 60)).toBe(61_000);
});

test('a reservation counts in full until it is settled, and once', () => {
  const ledger = new Ledger(sqliteStorage());
  const day = { tokensPerDay: 100 };
  const id = reserve(ledger, 80, day);
  expect(leftOf(ledger, 100, NOON)).toBe(20);
  ledger.settle(id, { tokens: 10, usd: 0 }, false, NOON);
  ledger.settle(id, { tokens: 0, usd: 0 }, false, NOON);
  expect(leftOf(ledger, 100, NOON)).toBe(90);
  const unknown = reserve(ledger, 50, day);
  ledger.settle(unknown, {}, false, NOON);
  expect(leftOf(ledger, 100, NOON)).toBe(40);
  // More than was reserved is counted, too.
  ledger.settle(reserve(ledger, 10, day), { tokens: 35, usd: 0 }, false, NOON);
  expect(leftOf(ledger, 100, NOON)).toBe(5);
});

test('one that is never settled frees its place after its lease, and nothing else', () => {
  const ledger = new Ledger(sqliteStorage());
  const own = { concurrency: 1, tokensPerDay: 100 };
  const lost = reserve(ledger, 60, own);
  expect(() => reserve(ledger, 10, own, NOON + LEASE_MS - 1)).toThrow(/1 at a time/);
  reserve(ledger, 10, own, NOON + LEASE_MS);
  ledger.settle(lost, { tokens: 0, usd: 0 }, false, NOON + LEASE_MS);
  expect(leftOf(ledger, 100, NOON + LEASE_MS)).toBe(30);
});

test('what ran when an object ended takes its place for a short time only, and can be settled', () => {
  const database = new DatabaseSync(':memory:');
  const own = { concurrency: 1, tokensPerDay: 100 };
  const before = new Ledger(sqliteStorage(database));
  const cutOff = reserve(before, 60, own);
  before.flush();
  // A restart between does not begin the time again.
  const after = new Ledger(sqliteStorage(database));
  expect(() => reserve(after, 10, own)).toThrow(/1 at a time/);
  const laterMs = NOON + PLACE_AFTER_RESTART_MS;
  expect(() => reserve(new Ledger(sqliteStorage(database)), 10, own, laterMs - 1)).toThrow(
    /1 at a time/,
  );
  expect(() => reserve(after, 10, own, laterMs - 1)).toThrow(/1 at a time/);
  reserve(after, 10, own, laterMs);
  expect(() => reserve(after, 10, own, laterMs)).toThrow(/1 at a time/);
  expect(leftOf(after, 100, laterMs)).toBe(30);
  after.settle(cutOff, { tokens: 20, usd: 0 }, false, laterMs);
  expect(leftOf(after, 100, laterMs)).toBe(70);
});

test('what still runs after a restart, and says so, takes its place as long as it says so', () => {
  const database = new DatabaseSync(':memory:');
  const own = { concurrency: 1, tokensPerDay: 100 };
  const before = new Ledger(sqliteStorage(database));
  const running = reserve(before, 60, own);
  before.flush();
  const after = new Ledger(sqliteStorage(database));
  const laterMs = NOON + 3 * PLACE_AFTER_RESTART_MS;
  after.renew(running, laterMs);
  after.renew('nobody', laterMs);
  const endMs = laterMs + PLACE_AFTER_RESTART_MS;
  expect(() => reserve(after, 10, own, endMs - 1)).toThrow(/1 at a time/);
  after.settle(running, { tokens: 20, usd: 0 }, false, endMs - 1);
  after.renew(running, endMs - 1);
  reserve(after, 10, own, endMs - 1);
  expect(leftOf(after, 100, endMs)).toBe(70);
});

test('a new day begins at 0; what ends in it gives nothing back to it', () => {
  const ledger = new Ledger(sqliteStorage());
  const id = reserve(ledger, 100, { tokensPerDay: 100 });
  expect(() => reserve(ledger, 1, { tokensPerDay: 100 })).toThrow(/in a day/);
  const tomorrow = NOON + DAY_MS;
  reserve(ledger, 40, { tokensPerDay: 100 }, tomorrow);
  ledger.settle(id, { tokens: 0, usd: 0 }, false, tomorrow);
  expect(leftOf(ledger, 100, tomorrow)).toBe(60);
  // A clock that goes back does not begin the day before again.
  expect(leftOf(ledger, 100, NOON)).toBe(60);
});

test('what is refused counts nothing', () => {
  const ledger = new Ledger(sqliteStorage());
  const own = { requestsPerMinute: 2, tokensPerMinute: 50, tokensPerDay: 100 };
  for (let i = 0; i < 5; i++) expect(() => reserve(ledger, 60, own)).toThrow(/in a minute/);
  const { rates } = ledger.reserve(tokens(50), limits(own), false, NOON);
  expect(rates.requests).toEqual({ limit: 2, remaining: 1, resetMs: 30_000 });
  expect(rates.tokens).toEqual({ limit: 50, remaining: 0, resetMs: 60_000 });
});

test('a share of the caps is used as the day is, and asked for when it is gone', () => {
  const ledger = new Ledger(sqliteStorage());
  const want = tokens(30);
  expect(ledger.missing(want, NOON)).toEqual({ tokens: 30, usd: 0.03 });
  ledger.addSlice({ tokens: 50, usd: 1 }, 20_000, NOON);
  ledger.addSlice({ tokens: 1000, usd: 1 }, 19_999, NOON);
  expect(ledger.missing(want, NOON)).toBeNull();
  const { reservation } = ledger.reserve(want, NO_LIMITS, true, NOON);
  expect(ledger.missing(want, NOON)).toEqual({ tokens: 10, usd: 0 });
  ledger.settle(reservation!, { tokens: 5, usd: 0.005 }, true, NOON);
  expect(ledger.missing(tokens(45), NOON)).toBeNull();
  // A slice ends with its day.
  expect(ledger.missing(want, NOON + DAY_MS)).toEqual({ tokens: 30, usd: 0.03 });
});

test('any order of reserving, settling and stopping never overspends a day', () => {
  const random = seededRandom(3);
  const database = new DatabaseSync(':memory:');
  let ledger = new Ledger(sqliteStorage(database));
  const own = { tokensPerDay: 5000, concurrency: 1000 };
  let spent = 0;
  let running: { id: string; n: number }[] = [];
  for (let i = 0; i < 3000; i++) {
    const roll = random();
    const n = 1 + Math.floor(random() * 60);
    if (roll < 0.5) {
      try {
        running.push({ id: reserve(ledger, n, own), n });
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_RATE_LIMIT' });
      }
    } else if (roll < 0.98 && running.length > 0) {
      const [one] = running.splice(Math.floor(random() * running.length), 1);
      const used = Math.floor(random() * (one!.n + 1));
      spent += used;
      ledger.settle(one!.id, { tokens: used, usd: 0 }, false, NOON);
    } else if (roll >= 0.98) {
      // Stopped: what ran is lost, and counts in full.
      spent += running.reduce((sum, one) => sum + one.n, 0);
      running = [];
      if (random() < 0.5) ledger.flush();
      ledger = new Ledger(sqliteStorage(database));
    }
    expect(spent + running.reduce((sum, one) => sum + one.n, 0)).toBeLessThanOrEqual(5000);
  }
  // A stop costs at most what the stored state was ahead.
  expect(spent).toBeGreaterThan(2500);
});

test('what was stored is ahead of what was used, until it is flushed', () => {
  const database = new DatabaseSync(':memory:');
  const restart = () => new Ledger(sqliteStorage(database));
  const limit = 64_000;
  const own = { tokensPerDay: limit };
  const first = restart();
  let writes = 0;
  const count = () => {
    const { json } = database.prepare('SELECT json FROM state').get() as { json: string };
    return json;
  };
  let before = '';
  for (let i = 0; i < 90; i++) {
    first.settle(reserve(first, 100, own), { tokens: 100, usd: 0.1 }, false, NOON);
    if (count() !== before) writes++;
    before = count();
  }
  expect(writes).toBeLessThanOrEqual(10);
  const cutOff = leftOf(restart(), limit, NOON);
  expect(cutOff).toBeLessThanOrEqual(limit - 9000);
  expect(cutOff).toBeGreaterThanOrEqual(limit - 9000 - 1000);
  first.flush();
  expect(leftOf(restart(), limit, NOON)).toBe(limit - 9000);
});

test('what runs when an object is put away is settled when it is back', () => {
  const database = new DatabaseSync(':memory:');
  const before = new Ledger(sqliteStorage(database));
  const id = reserve(before, 80, { tokensPerDay: 100 });
  before.flush();
  const after = new Ledger(sqliteStorage(database));
  expect(() => reserve(after, 1, { concurrency: 1 })).toThrow(/at a time/);
  after.settle(id, { tokens: 10, usd: 0 }, false, NOON);
  after.flush();
  const last = new Ledger(sqliteStorage(database));
  reserve(last, 1, { concurrency: 1 });
  expect(leftOf(last, 100, NOON)).toBe(89);
});

test("a key's own limits come first; a variable that is no number allows nothing", () => {
  const vars = { KEY_REQUESTS_PER_MINUTE: '5', KEY_TOKENS_PER_DAY: 'many', KEY_CONCURRENCY: '' };
  expect(limitsOf(null, vars)).toMatchObject({
    ...{ requestsPerMinute: 5, tokensPerDay: 0, concurrency: null },
  });
  expect(limitsOf({ requestsPerMinute: null, usdPerDay: 1 }, vars)).toMatchObject({
    ...{ requestsPerMinute: null, usdPerDay: 1, tokensPerDay: 0 },
  });
});
