/** From log-probabilities of labels to probabilities. Pure. */

/** [n] numbers to [n] that sum to one, as e to each. */
export function softmax(scores: readonly number[]): number[] {
  const top = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - top));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Of distributions over the same labels; weights need not sum to one. */
export function weightedMean(
  distributions: readonly (readonly number[])[],
  weights: readonly number[] = distributions.map(() => 1),
): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  const [first = []] = distributions;
  return first.map(
    (_, i) => distributions.reduce((total, row, d) => total + (row[i] ?? 0) * weights[d]!, 0) / sum,
  );
}

/**
 * Contextual calibration: W = diag(prior)^-1, b = 0, and the result made to sum to one (Zhao et al.
 * 2021, arXiv 2102.09690, section 5).
 */
export function calibrate(probabilities: readonly number[], prior: readonly number[]): number[] {
  return softmax(probabilities.map((p, i) => Math.log(p) - Math.log(prior[i]!)));
}
