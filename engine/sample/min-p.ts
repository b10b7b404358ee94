/** Min-p (arXiv 2407.01082): tokens of at least p times the probability of the likeliest. */
import type { SamplerRow } from './sampler.ts';

export const MIN_P: SamplerRow = {
  isActive: (p) => p.minP > 0,
  create: ({ minP }) => ({
    narrow(candidates) {
      const floor = candidates.logits[candidates.likeliest()]! + Math.log(minP);
      candidates.filter((i) => candidates.logits[i]! >= floor);
    },
    reach: -Math.log(minP),
  }),
};
