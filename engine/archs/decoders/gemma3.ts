/**
 * Gemma 3, text: Gemma 2 with norms of each head's query and key instead of soft caps, and a window
 * in five of six layers, which have their own RoPE base. arXiv 2503.19786.
 */
import { configRows } from '../config-rows.ts';
import { completeGemma, GEMMA2, GEMMA_PLUS } from './gemma2.ts';
import { qkNorms } from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const GEMMA3: Architecture = {
  ...GEMMA2,
  name: 'gemma3',
  ggufNames: ['gemma3'],
  hfModelTypes: ['gemma3_text'],
  // EmbeddingGemma's folders have the same type and architecture.
  hfRefused: ['use_bidirectional_attention'],
  windowPeriod: 6,
  config: configRows({
    ropeTheta: { fallback: 1_000_000 },
    localRopeTheta: {
      gguf: 'rope.freq_base_swa',
      hf: 'rope_local_base_freq',
      fallback: 10000,
      isReal: true,
    },
    logitSoftcap: {
      gguf: 'final_logit_softcapping',
      hf: 'final_logit_softcapping',
      optional: true,
      isReal: true,
    },
  }),
  complete: (c, file) => completeGemma(c, file, 62),
  tensors: [...GEMMA2.tensors, ...qkNorms('head', GEMMA_PLUS)],
};
