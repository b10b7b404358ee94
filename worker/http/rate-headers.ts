/** What is left of a caller's limits, in OpenAI's headers. */
import type { LimitState, RateState } from '../access/ledger.ts';

/** Headers that pages of other origins may read. */
export const RATE_HEADERS: readonly string[] = ['requests', 'tokens'].flatMap((what) =>
  ['limit', 'remaining', 'reset'].map((name) => `x-ratelimit-${name}-${what}`),
);

export function rateHeaders(rates: RateState | null): Record<string, string> {
  if (rates === null) return {};
  return { ...headersOf('requests', rates.requests), ...headersOf('tokens', rates.tokens) };
}

function headersOf(what: string, state: LimitState | null): Record<string, string> {
  if (state === null) return {};
  return {
    [`x-ratelimit-limit-${what}`]: String(state.limit),
    [`x-ratelimit-remaining-${what}`]: String(state.remaining),
    [`x-ratelimit-reset-${what}`]: durationText(state.resetMs),
  };
}

/** As OpenAI writes it: "120ms", "1s", "6m0s", "1h2m3s". */
export function durationText(ms: number): string {
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}
