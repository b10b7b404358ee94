/** Pearson's chi-square: how far counts are from what their probabilities promise. */

/** Sum of (observed - expected)^2 / expected over classes of positive probability. */
export function chiSquare(counts: readonly number[], probabilities: readonly number[]): number {
  const n = counts.reduce((sum, count) => sum + count, 0);
  let sum = 0;
  for (const [i, p] of probabilities.entries()) {
    const observed = counts[i] ?? 0;
    if (p === 0 && observed > 0) return Infinity;
    if (p > 0) sum += (observed - n * p) ** 2 / (n * p);
  }
  return sum;
}

/**
 * The value that chi-square exceeds once in a thousand times for `classes` classes (Wilson and
 * Hilferty's approximation, within 1 % from three classes on; a little too large below).
 */
export function chiSquareBound(classes: number): number {
  // All counts in the only class: chi-square is exactly 0.
  if (classes === 1) return Number.MIN_VALUE;
  const df = classes - 1;
  const z = 3.0902;
  return df * (1 - 2 / (9 * df) + z * Math.sqrt(2 / (9 * df))) ** 3;
}
