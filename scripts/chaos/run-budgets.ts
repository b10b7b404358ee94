/**
 * Accounts under many requests at the same time, and kills: what clients were sent never exceeds the limit by more than
 * one request in flight a slot, and what was used is never forgotten.
 *
 * A request that a kill cuts off is never settled: what it had reserved stays counted until the day ends, and in the
 * minute's bucket until that has refilled. Its place is free at once, or, where it was stored
 * already, after PLACE_AFTER_RESTART_MS (ledger.ts).
 */
import type { OwnServer } from '../dev/own-server.ts';
import { createKey } from '../push/keys.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import { BudgetAccount } from './budget-account.ts';

export interface BudgetOptions {
  readonly kills: number;
  /** At the same time, of each account. */
  readonly requests: number;
  readonly seed: number;
  readonly textModel: string;
  readonly onLine?: (line: string) => void;
}

export interface BudgetResult {
  readonly kills: number;
  readonly accounts: number;
  readonly requests: number;
  /** Refusals by the limit that was reached. */
  readonly refusals: Readonly<Record<string, number>>;
  /** What clients were sent over the limit, at most; below 0 where all stayed below it. */
  readonly overspent: Readonly<Record<LimitKind, number>>;
  /** The same, as far as it is allowed: one request in flight a slot. */
  readonly allowed: Readonly<Record<LimitKind, number>>;
  /** Tokens that an account counts above what clients were sent, at most: of requests that kills cut off. */
  readonly heldTokens: number;
  readonly problems: readonly string[];
  readonly seconds: number;
}

export type LimitKind = 'tokensPerDay' | 'requestsPerMinute';

/** Generations of a key at the same time. */
const SLOTS = 8;
/** More than any request here is reserved for: its body, a template, and its answer. */
const REQUEST_TOKENS = 200;
/** Several kills must not use the day up: each leaves what runs then counted. */
const LIMITS: Readonly<Record<LimitKind, number>> = { tokensPerDay: 12_000, requestsPerMinute: 60 };
const KILLS_PER_ACCOUNT = 5;
/** How long a runtime lives. */
const LIFE_MS = { min: 300, max: 2000 } as const;
const MINUTE_MS = 60_000;

/** What the kinds of accounts share. */
interface Setting {
  readonly server: OwnServer;
  readonly options: BudgetOptions;
  readonly random: SeededRandom;
}

/** What came of an account. */
interface Outcome {
  readonly overspent: number;
  readonly heldTokens: number;
  readonly line: string;
  readonly problems: readonly string[];
  readonly refusals: Readonly<Record<string, number>>;
}

export async function runBudgets(server: OwnServer, options: BudgetOptions): Promise<BudgetResult> {
  const startMs = performance.now();
  const { kills, requests, seed, onLine = () => undefined } = options;
  const setting: Setting = { server, options, random: new SeededRandom(seed) };
  const overspent = { tokensPerDay: -Infinity, requestsPerMinute: -Infinity };
  const problems: string[] = [];
  const refusals: Record<string, number> = {};
  let [heldTokens, left, accounts] = [0, kills, 0];
  while (left > 0 || accounts < 2) {
    const kind: LimitKind = accounts % 2 === 0 ? 'tokensPerDay' : 'requestsPerMinute';
    const nKill = Math.min(left, KILLS_PER_ACCOUNT);
    left -= nKill;
    accounts++;
    const outcome = await useUpAndKill(setting, kind, nKill);
    overspent[kind] = Math.max(overspent[kind], outcome.overspent);
    heldTokens = Math.max(heldTokens, outcome.heldTokens);
    problems.push(...outcome.problems.map((text) => `account ${accounts}: ${text}`));
    for (const [limit, n] of Object.entries(outcome.refusals))
      refusals[limit] = (refusals[limit] ?? 0) + n;
    onLine(`budget: ${kills - left} of ${kills} kills, account ${accounts}: ${outcome.line}`);
  }
  const allowed = { tokensPerDay: SLOTS * REQUEST_TOKENS, requestsPerMinute: SLOTS };
  const seconds = Math.round((performance.now() - startMs) / 1000);
  return {
    ...{ kills, accounts, requests, refusals, overspent, allowed },
    ...{ heldTokens, problems, seconds },
  };
}

/** All requests are under way while the runtime is killed; then the account is used up to its limit. */
async function useUpAndKill(
  { server, options, random }: Setting,
  kind: LimitKind,
  nKill: number,
): Promise<Outcome> {
  const { requests, textModel, seed } = options;
  const account = new BudgetAccount(server.url, await makeKey(server, kind), textModel, seed);
  const startMs = performance.now();
  const asked = Promise.all(Array.from({ length: requests }, (_, n) => account.useUp(n % 2 === 0)));
  const counts: number[] = [];
  for (let i = 0; i < nKill; i++) {
    await pause(LIFE_MS.min + random.next() * (LIFE_MS.max - LIFE_MS.min));
    const { settledTokens } = account;
    await server.kill();
    await server.waitUntilUp();
    counts.push(settledTokens);
  }
  if (kind === 'tokensPerDay') {
    await asked;
    return await judgeDay(account, requests);
  }
  // A minute's limit is never used up for good: what was let through is compared with what may be until now.
  account.stop();
  await asked;
  return judgeMinute(account, performance.now() - startMs);
}

async function judgeDay(account: BudgetAccount, requests: number): Promise<Outcome> {
  const limit = LIMITS.tokensPerDay;
  await account.finish();
  const counted = await account.countedTokens();
  const { sentTokens, settledTokens, refusals } = account;
  const problems = [...account.wrong];
  if (sentTokens > limit + SLOTS * REQUEST_TOKENS)
    problems.push(`${sentTokens} tokens were sent, of ${limit}`);
  if (counted < settledTokens)
    problems.push(`${settledTokens} tokens were used, and ${counted} are counted`);
  // After a kill the part that the stored state was ahead counts as used, too.
  if (counted > limit + REQUEST_TOKENS) problems.push(`${counted} tokens are counted, of ${limit}`);
  const isReached = counted > limit - REQUEST_TOKENS;
  // Fewer requests than the limit allows do not reach it.
  if (!isReached && requests * REQUEST_TOKENS > limit * 2)
    problems.push(`the limit was not reached: ${counted} tokens are counted, of ${limit}`);
  return {
    ...{ overspent: sentTokens - limit, heldTokens: counted - sentTokens, problems, refusals },
    line: `${sentTokens} tokens sent, ${counted} counted of ${limit} a day`,
  };
}

function judgeMinute(account: BudgetAccount, elapsedMs: number): Outcome {
  const perMinute = LIMITS.requestsPerMinute;
  const limit = Math.floor(perMinute * (1 + elapsedMs / MINUTE_MS));
  const { nServed, refusals } = account;
  const problems = [...account.wrong];
  if (nServed > limit + SLOTS) problems.push(`${nServed} requests were served, of ${limit}`);
  return {
    ...{ overspent: nServed - limit, heldTokens: 0, problems, refusals },
    line: `${nServed} requests served of ${limit}: ${perMinute} a minute`,
  };
}

async function makeKey(server: OwnServer, kind: LimitKind): Promise<string> {
  const bucket = await server.openBucket();
  try {
    const none = { requestsPerMinute: null, tokensPerMinute: null, usdPerDay: null };
    const { key } = await createKey(bucket, {
      ...{ name: 'budget', scopes: SCOPES, models: null, expiresAt: null },
      limits: { ...none, tokensPerDay: null, concurrency: SLOTS, [kind]: LIMITS[kind] },
    });
    return key;
  } finally {
    await bucket.close();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
