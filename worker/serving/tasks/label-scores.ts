/** From likelihoods of labels to probabilities. Pure; all arrays have one number a label. */

/** Made to sum to one. */
export function normalize(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Number by number; `weights` are of the rows and need not sum to one. */
export function meanRow(
  rows: readonly (readonly number[])[],
  weights: readonly number[] = rows.map(() => 1),
): number[] {
  const total = weights.reduce((a, b) => a + b, 0);
  const [first = []] = rows;
  return first.map((_, i) => rows.reduce((sum, row, r) => sum + row[i]! * weights[r]!, 0) / total);
}

/**
 * One of the labels: contextual calibration with W = diag(prior)^-1 and b = 0, made to sum to one
 * (Zhao et al. 2021, arXiv 2102.09690, section 5).
 */
export function calibrate(probabilities: readonly number[], prior: readonly number[]): number[] {
  return normalize(probabilities.map((p, i) => p / prior[i]!));
}

/** Each label for itself: the odds are its likelihood against that behind texts that say nothing. */
export function calibrateEach(likelihoods: readonly number[], prior: readonly number[]): number[] {
  return likelihoods.map((p, i) => p / (p + prior[i]!));
}
