/** A limit per minute as a bucket that fills evenly: data and pure functions, without a clock. */

const MINUTE_MS = 60_000;

export interface RateBucket {
  /** What is left; below 0 after more was used than had been reserved. */
  readonly level: number;
  readonly atMs: number;
}

/** The bucket at `nowMs`; full where there was none. */
export function fill(bucket: RateBucket | null, perMinute: number, nowMs: number): RateBucket {
  if (bucket === null) return { level: perMinute, atMs: nowMs };
  const gained = (Math.max(0, nowMs - bucket.atMs) / MINUTE_MS) * perMinute;
  return { level: Math.min(perMinute, bucket.level + gained), atMs: Math.max(nowMs, bucket.atMs) };
}

export function drain(bucket: RateBucket, amount: number): RateBucket {
  return { ...bucket, level: bucket.level - amount };
}

/** Milliseconds until the bucket holds `amount`; Infinity when it never will. */
export function waitMs({ level }: RateBucket, amount: number, perMinute: number): number {
  if (level >= amount) return 0;
  if (amount > perMinute) return Infinity;
  return Math.ceil(((amount - level) / perMinute) * MINUTE_MS);
}
