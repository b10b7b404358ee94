/** Estimates with their 95 % intervals. */
import { SeededRandom } from '../lib/seeded-random.ts';

/** Half of a 95 % interval of a normal distribution, in standard deviations. */
const Z95 = 1.959964;

export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A share with Wilson's score interval. */
export function share(nHit: number, n: number): Estimate {
  if (n === 0) return { value: NaN, low: 0, high: 1 };
  const p = nHit / n;
  const z2 = Z95 ** 2;
  const middle = (p + z2 / (2 * n)) / (1 + z2 / n);
  const half = (Z95 / (1 + z2 / n)) * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return { value: p, low: Math.max(0, middle - half), high: Math.min(1, middle + half) };
}

/** The mean of values, normal interval. */
export function meanOf(values: readonly number[]): Estimate {
  const n = values.length;
  const value = values.reduce((sum, x) => sum + x, 0) / n;
  const variance = values.reduce((sum, x) => sum + (x - value) ** 2, 0) / Math.max(1, n - 1);
  const half = Z95 * Math.sqrt(variance / n);
  return { value, low: value - half, high: value + half };
}

/** Samples that a bootstrap draws. */
const N_SAMPLE = 1000;

/**
 * What a statistic finds, with the 2.5th and 97.5th percentile of what it finds of samples of the items, drawn with
 * replacement by a seed.
 */
export function bootstrap<T>(
  items: readonly T[],
  statistic: (drawn: readonly T[]) => number,
): Estimate {
  const random = new SeededRandom(1);
  const found = Array.from({ length: N_SAMPLE }, () =>
    statistic(items.map(() => items[random.integer(0, items.length - 1)]!)),
  ).toSorted((a, b) => a - b);
  const at = (part: number): number => found[Math.floor(part * (N_SAMPLE - 1))]!;
  return { value: statistic(items), low: at(0.025), high: at(0.975) };
}

/** `0.95 [0.91, 0.97]` */
export function formatEstimate({ value, low, high }: Estimate, digits = 3): string {
  return `${value.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}
