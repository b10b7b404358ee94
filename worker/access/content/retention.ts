/** How long content is kept. */
import { EngineError } from '../../../engine/base/errors.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;
const MAX_DAYS = 36_500;

export interface RetentionVars {
  /** Days, fractions allowed, after which everything is deleted; no limit of its own when empty. */
  readonly RETENTION_DAYS?: string;
}

/** Milliseconds; Infinity without a limit. @throws {EngineError} E_USAGE for what is not a number of days */
export function retentionMs({ RETENTION_DAYS = '' }: RetentionVars): number {
  if (RETENTION_DAYS.trim() === '') return Infinity;
  const days = Number(RETENTION_DAYS);
  if (days > 0 && days <= MAX_DAYS) return days * DAY_MS;
  throw new EngineError(
    'E_USAGE',
    `RETENTION_DAYS: expected a number of days above 0 and at most ${MAX_DAYS}, got ` +
      `${JSON.stringify(RETENTION_DAYS.slice(0, 20))}. Correct it in wrangler.toml, or leave it empty.`,
  );
}

/** The shorter of what is asked for and what the deployment allows. @param seconds null where only the deployment's limit counts */
export function keptMs(vars: RetentionVars, seconds: number | null): number {
  return Math.min(retentionMs(vars), seconds === null ? Infinity : seconds * 1000);
}
