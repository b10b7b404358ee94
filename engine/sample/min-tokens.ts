/** No end before a number of tokens, as in vLLM. */
import type { SamplerRow } from './sampler.ts';

export const MIN_TOKENS: SamplerRow = {
  isActive: (p) => p.minTokens > 0,
  create: ({ minTokens, endTokens }) => ({
    adjust(logits, { text, nPrompt }) {
      if (text.length - nPrompt >= minTokens) return;
      for (const token of endTokens) logits.change(token, () => -Infinity);
    },
  }),
};
