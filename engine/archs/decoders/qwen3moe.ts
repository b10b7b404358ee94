/** Qwen 3's mixture of experts: a Qwen 3 with 128 experts of which each token goes to 8. arXiv 2505.09388. */
import { configRows } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  EXPERTS,
  HEAD,
  OUTPUT_NORM,
  PRE_NORMS,
  qkNorms,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const QWEN3MOE: Architecture = {
  name: 'qwen3moe',
  ggufNames: ['qwen3moe'],
  hfModelTypes: ['qwen3_moe'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'experts',
  positions: 'rope',
  ggufPairing: 'half',
  config: configRows({
    nFf: { gguf: 'expert_feed_forward_length', hf: 'moe_intermediate_size' },
    nExpert: { gguf: 'expert_count', hf: 'num_experts' },
    nExpertUsed: { gguf: 'expert_used_count', hf: 'num_experts_per_tok' },
  }),
  // GGUF has no key for it: the published models normalize.
  complete: (_, file) => ({
    normalizeExperts: file.format === 'gguf' || file.flag('norm_topk_prob', false),
  }),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...ATTENTION,
    ...qkNorms('head'),
    ...EXPERTS,
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
