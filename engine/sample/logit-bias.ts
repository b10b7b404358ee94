/** OpenAI's `logit_bias`: a number added to the logits of single tokens, before anything else. */
import type { SamplerRow } from './sampler.ts';

export const LOGIT_BIAS: SamplerRow = {
  isActive: (p) => p.logitBias.length > 0,
  create: ({ logitBias }) => ({
    adjust(logits) {
      for (const [token, bias] of logitBias) logits.change(token, (x) => x + bias);
    },
  }),
};
