/** Nucleus sampling (arXiv 1904.09751): the fewest likeliest tokens that reach probability p. */
import type { SamplerRow } from './sampler.ts';

export const TOP_P: SamplerRow = {
  isActive: (p) => p.topP < 1,
  create: ({ topP }) => ({
    needsMass: true,
    narrow(candidates) {
      const goal = topP * candidates.mass();
      candidates.sort();
      let sum = 0;
      let n = 0;
      do sum += Math.exp(candidates.logits[n]! - candidates.top);
      while (++n < candidates.n && sum < goal);
      candidates.keepFirst(n);
    },
    enough: (candidates) => candidates.loadedMass() >= topP * candidates.mass(),
  }),
};
