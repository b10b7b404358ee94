/**
 * Top-n-sigma (arXiv 2411.07641): tokens whose logit is at most n standard deviations of all logits
 * below the largest.
 */
import type { SamplerRow } from './sampler.ts';

export const TOP_N_SIGMA: SamplerRow = {
  isActive: (p) => p.topNSigma > 0,
  create: ({ topNSigma }) => ({
    needsAll: true,
    narrow(candidates) {
      const { n, logits } = candidates;
      if (n === 0) return;
      let mean = 0;
      for (let i = 0; i < n; i++) mean += logits[i]! / n;
      let variance = 0;
      for (let i = 0; i < n; i++) variance += (logits[i]! - mean) ** 2 / n;
      const floor = logits[candidates.likeliest()]! - topNSigma * Math.sqrt(variance);
      candidates.filter((i) => logits[i]! >= floor);
    },
  }),
};
