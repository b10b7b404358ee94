/** Likelihoods of labels to probabilities. Pure; all arrays have one number per label. */

/** Scales numbers to sum to one. */
export function normalize(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** Mean of rows, column by column; `weights` belong to the rows and need not sum to one. */
export function meanRow(
  rows: readonly (readonly number[])[],
  weights: readonly number[] = rows.map(() => 1),
): number[] {
  const total = weights.reduce((a, b) => a + b, 0);
  const [first = []] = rows;
  return first.map((_, i) => rows.reduce((sum, row, r) => sum + row[i]! * weights[r]!, 0) / total);
}

/**
 * For one label of several: contextual calibration with W = diag(prior)^-1 and b = 0, normalized
 * (Zhao et al. 2021, arXiv 2102.09690, section 5).
 */
export function calibrate(probabilities: readonly number[], prior: readonly number[]): number[] {
  return normalize(probabilities.map((p, i) => p / prior[i]!));
}

/** For independent labels: the odds are the label's likelihood against that after texts without content. */
export function calibrateEach(likelihoods: readonly number[], prior: readonly number[]): number[] {
  return likelihoods.map((p, i) => p / (p + prior[i]!));
}
