/** Granite 3: Llama with multipliers on embeddings, residuals, attention scores and logits. */
import { configRows } from '../config-rows.ts';
import { LLAMA } from './llama.ts';
import type { Architecture } from '../types.ts';

const multiplier = (gguf: string, hf: string) => ({ gguf, hf, optional: true, isReal: true });

export const GRANITE: Architecture = {
  ...LLAMA,
  name: 'granite',
  ggufNames: ['granite'],
  hfModelTypes: ['granite'],
  config: configRows({
    embeddingScale: multiplier('embedding_scale', 'embedding_multiplier'),
    residualScale: multiplier('residual_scale', 'residual_multiplier'),
    attentionScale: multiplier('attention.scale', 'attention_multiplier'),
    logitDivisor: multiplier('logit_scale', 'logits_scaling'),
  }),
};
