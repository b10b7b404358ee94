/** Comparing two next-token distributions, and adding up over a text. Logits in, nats out. */

export interface ParityTotals {
  nTokens: number;
  top1Agreements: number;
  klSum: number;
  /** Sum of -log p(next token), reference and ours. */
  nllReference: number;
  nllOurs: number;
}

export function emptyTotals(): ParityTotals {
  return { nTokens: 0, top1Agreements: 0, klSum: 0, nllReference: 0, nllOurs: 0 };
}

/** log of the sum of e^x. */
export function logSumExp(logits: Float32Array): number {
  let top = -Infinity;
  for (const x of logits) if (x > top) top = x;
  let sum = 0;
  for (const x of logits) sum += Math.exp(x - top);
  return top + Math.log(sum);
}

export function argmax(logits: Float32Array): number {
  let best = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i;
  return best;
}

/** KL(reference || ours), in nats. */
export function klDivergence(reference: Float32Array, ours: Float32Array): number {
  const zReference = logSumExp(reference);
  const zOurs = logSumExp(ours);
  let kl = 0;
  for (let i = 0; i < reference.length; i++) {
    const logP = reference[i]! - zReference;
    const p = Math.exp(logP);
    if (p > 0) kl += p * (logP - (ours[i]! - zOurs));
  }
  return kl;
}

/** Adds one position: both engines' logits, and the token that really follows (none at the end). */
export function addPosition(
  totals: ParityTotals,
  reference: Float32Array,
  ours: Float32Array,
  next: number | undefined,
): void {
  totals.nTokens++;
  if (argmax(reference) === argmax(ours)) totals.top1Agreements++;
  totals.klSum += klDivergence(reference, ours);
  if (next === undefined) return;
  totals.nllReference += logSumExp(reference) - reference[next]!;
  totals.nllOurs += logSumExp(ours) - ours[next]!;
}

export interface ParityReport {
  nTokens: number;
  /** Share of positions where both engines' likeliest token is the same. */
  top1Agreement: number;
  meanKlNats: number;
  perplexityReference: number;
  perplexityOurs: number;
  /** ours / reference - 1 */
  perplexityChange: number;
}

export function reportOf(totals: ParityTotals, nTexts: number): ParityReport {
  const nPredicted = totals.nTokens - nTexts;
  const perplexityReference = Math.exp(totals.nllReference / nPredicted);
  const perplexityOurs = Math.exp(totals.nllOurs / nPredicted);
  return {
    nTokens: totals.nTokens,
    top1Agreement: totals.top1Agreements / totals.nTokens,
    meanKlNats: totals.klSum / totals.nTokens,
    perplexityReference,
    perplexityOurs,
    perplexityChange: perplexityOurs / perplexityReference - 1,
  };
}
