/** The k likeliest tokens (arXiv 1805.04833), ties by id. */
import type { SamplerRow } from './sampler.ts';

export const TOP_K: SamplerRow = {
  isActive: (p) => p.topK > 0,
  create: ({ topK }) => ({
    narrow(candidates) {
      if (candidates.n > topK) candidates.sort();
      candidates.keepFirst(topK);
    },
    enough: ({ n }) => n >= topK,
  }),
};
