/** Limits of a key, and of the deployment. */
import { z } from 'zod';

const limit = z.number().nonnegative().nullable();

/** Limits of an account; null for none. A key's record may hold some, the deployment's variables the others. */
const limitsSchema = z.strictObject({
  requestsPerMinute: limit,
  tokensPerMinute: limit,
  /** Generations at the same time. */
  concurrency: limit,
  tokensPerDay: limit,
  usdPerDay: limit,
  storageBytes: limit,
});

/** Those of a key that differ from the deployment's. */
export const ownLimitsSchema = limitsSchema.partial();

export type Limits = z.output<typeof limitsSchema>;
export type LimitName = keyof Limits;

/** Variables of the deployment that hold the limits of keys with none of their own. */
export const LIMIT_VARS = {
  requestsPerMinute: 'KEY_REQUESTS_PER_MINUTE',
  tokensPerMinute: 'KEY_TOKENS_PER_MINUTE',
  concurrency: 'KEY_CONCURRENCY',
  tokensPerDay: 'KEY_TOKENS_PER_DAY',
  usdPerDay: 'KEY_USD_PER_DAY',
  storageBytes: 'KEY_STORAGE_BYTES',
} as const satisfies Readonly<Record<LimitName, string>>;

/** Variables of the caps of the whole deployment, which all accounts share. */
export interface CapVars {
  readonly DEPLOYMENT_TOKENS_PER_DAY?: string;
  readonly DEPLOYMENT_USD_PER_DAY?: string;
}

export type LimitVars = CapVars & {
  readonly [Name in (typeof LIMIT_VARS)[LimitName]]?: string;
};

/** Tokens and estimated cost. */
export interface Amount {
  readonly tokens: number;
  readonly usd: number;
}

/** What all accounts together may use in a day; Infinity for no cap. */
export function readCaps(vars: CapVars): Amount {
  return {
    tokens: readLimit(vars.DEPLOYMENT_TOKENS_PER_DAY) ?? Infinity,
    usd: readLimit(vars.DEPLOYMENT_USD_PER_DAY) ?? Infinity,
  };
}

/** The limits of an account: its own, else the deployment's. */
export function limitsOf(own: z.output<typeof ownLimitsSchema> | null, vars: LimitVars): Limits {
  const names = Object.keys(LIMIT_VARS) as LimitName[];
  const entries = names.map((name): [LimitName, number | null] => {
    const value = own?.[name];
    return [name, value === undefined ? readLimit(vars[LIMIT_VARS[name]]) : value];
  });
  return Object.fromEntries(entries) as Limits;
}

/** No limits besides the deployment's caps, for deployments without keys. */
export const NO_LIMITS: Limits = {
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrency: null,
  tokensPerDay: null,
  usdPerDay: null,
  storageBytes: null,
};

/** Null for an empty or absent variable. What is not a number allows nothing, rather than everything. */
function readLimit(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : 0;
}

/** A slice is at most this part of the cap, and at most this part of what is left: the last tokens go round. */
const CAP_PARTS = 64;
const LEFT_PARTS = 16;
/** And at most so many times what is asked for: an account keeps what it does not use, and there may be many. */
const NEED_TIMES = 4;

/** What an account gets of the deployment's cap, of which `given` is gone; null when less than `need` is left. */
export function sliceOf(need: number, cap: number, given: number): number | null {
  if (need === 0) return 0;
  // Any slice will do where there is no cap.
  if (cap === Infinity) return Math.max(need, Number.MAX_SAFE_INTEGER / 2 ** 20);
  const left = cap - given;
  if (need > left) return null;
  return Math.max(need, Math.min(left / LEFT_PARTS, cap / CAP_PARTS, need * NEED_TIMES));
}
