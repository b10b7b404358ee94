/**
 * Whether a text carries the watermark of a key. In a text that does not, every bit of a token is a fair
 * coin, so that the number of ones is binomial: the p-value is exact.
 */
import { tokenBits, WATERMARK_CONTEXT, WATERMARK_LAYERS } from './watermark-hash.ts';
import type { WatermarkKey } from './watermark-hash.ts';
import { SeenContexts } from './watermark.ts';

export interface WatermarkScore {
  /** Tokens with a context of their own: the others say nothing. */
  readonly nScored: number;
  /** Standard deviations by which the ones are more than half of the bits; 0 without a scored token. */
  readonly z: number;
  /** Probability of as many ones in a text without the watermark; 1 without a scored token. */
  readonly pValue: number;
}

/** @param tokens of the text alone, without what was before it */
export function scoreWatermark(key: WatermarkKey, tokens: readonly number[]): WatermarkScore {
  const contexts = new SeenContexts(key, 0);
  let nScored = 0;
  let nOne = 0;
  for (let place = WATERMARK_CONTEXT; place < tokens.length; place++) {
    const seed = contexts.seedAt(tokens, place);
    if (seed === null) continue;
    nScored++;
    for (let bits = tokenBits(seed, tokens[place]!); bits !== 0; bits &= bits - 1) nOne++;
  }
  const nBit = nScored * WATERMARK_LAYERS;
  if (nBit === 0) return { nScored, z: 0, pValue: 1 };
  const z = (nOne - nBit / 2) / Math.sqrt(nBit / 4);
  return { nScored, z, pValue: upperTail(nBit, nOne) };
}

/** Probability of at least `k` heads in `n` throws of a fair coin. */
export function upperTail(n: number, k: number): number {
  if (k <= 0) return 1;
  // From the heavier side the sum would end early at a large value.
  if (2 * k <= n) return 1 - upperTail(n, n - k + 1);
  let log = -n * Math.LN2;
  for (let i = 1; i <= n - k; i++) log += Math.log((n - i + 1) / i);
  let sum = 0;
  let term = 1;
  for (let i = k; i <= n; i++) {
    sum += term;
    term *= (n - i) / (i + 1);
    if (term < sum * Number.EPSILON) break;
  }
  return Math.min(1, Math.exp(log) * sum);
}
