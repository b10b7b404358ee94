/**
 * Locally typical sampling (arXiv 2202.00666): the fewest tokens whose surprise -ln p is nearest to
 * the entropy that reach probability p, with all that are as near as the last one.
 */
import type { SamplerRow } from './sampler.ts';

export const TYPICAL_P: SamplerRow = {
  isActive: (p) => p.typicalP < 1,
  create: ({ typicalP }) => ({
    narrow(candidates) {
      const { n, logits, top } = candidates;
      const logMass = top + Math.log(candidates.mass());
      const p = new Float64Array(n);
      let entropy = 0;
      for (let i = 0; i < n; i++) {
        p[i] = Math.exp(logits[i]! - logMass);
        entropy -= p[i]! * (logits[i]! - logMass);
      }
      const gaps = new Float64Array(n);
      for (let i = 0; i < n; i++) gaps[i] = Math.abs(logMass - logits[i]! - entropy);
      const largest = smallestGap(gaps, p, typicalP);
      candidates.filter((i) => gaps[i]! <= largest);
    },
  }),
};

/**
 * The smallest gap within which probabilities reach `goal`. Sorting plain numbers and a binary search
 * are many times faster than sorting candidates by a function.
 */
function smallestGap(gaps: Float64Array, p: Float64Array, goal: number): number {
  const sorted = gaps.toSorted();
  let [low, high] = [0, gaps.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    const gap = sorted[middle]!;
    let sum = 0;
    for (let i = 0; i < p.length; i++) if (gaps[i]! <= gap) sum += p[i]!;
    if (sum >= goal) high = middle;
    else low = middle + 1;
  }
  return sorted[low]!;
}
