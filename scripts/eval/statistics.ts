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

/** The likeliest tokens of one position, with what all tokens together weigh. */
export interface TopDistribution {
  /** Token to logit; holds the token that really follows as well. */
  readonly logits: ReadonlyMap<number, number>;
  /** Over the whole vocabulary. */
  readonly logSumExp: number;
}

/** KL(reference || ours), in nats, over whole vocabularies. */
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

/**
 * KL(reference || ours) with the tokens outside of the reference's top taken as one: a lower bound
 * that is close when little probability lies there.
 */
export function klDivergenceTop(
  reference: TopDistribution,
  ours: Float32Array,
  zOurs: number,
): number {
  let kl = 0;
  let restP = 1;
  let restQ = 1;
  for (const [token, logit] of reference.logits) {
    const logP = logit - reference.logSumExp;
    const logQ = ours[token]! - zOurs;
    const p = Math.exp(logP);
    kl += p * (logP - logQ);
    restP -= p;
    restQ -= Math.exp(logQ);
  }
  if (restP > 1e-9 && restQ > 1e-9) kl += restP * Math.log(restP / restQ);
  return kl;
}

/** Adds one position: both engines' logits, and the token that really follows (none at the end). */
export function addPosition(
  totals: ParityTotals,
  reference: TopDistribution,
  ours: Float32Array,
  next: number | undefined,
): void {
  const zOurs = logSumExp(ours);
  totals.nTokens++;
  if (likeliest(reference) === argmax(ours)) totals.top1Agreements++;
  totals.klSum += klDivergenceTop(reference, ours, zOurs);
  if (next === undefined) return;
  totals.nllReference += reference.logSumExp - reference.logits.get(next)!;
  totals.nllOurs += zOurs - ours[next]!;
}

function likeliest({ logits }: TopDistribution): number {
  let best = -1;
  let top = -Infinity;
  for (const [token, logit] of logits) if (logit > top) [best, top] = [token, logit];
  return best;
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
