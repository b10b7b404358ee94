/** OLMoE: 64 experts of which each token goes to 8, norms of whole rows of queries and keys. arXiv 2409.02060. */
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

export const OLMOE: Architecture = {
  name: 'olmoe',
  ggufNames: ['olmoe'],
  hfModelTypes: ['olmoe'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'experts',
  positions: 'rope',
  ggufPairing: 'half',
  hfRefused: ['clip_qkv'],
  config: configRows({
    normEps: { hfFallback: 1e-5 },
    nExpert: { gguf: 'expert_count', hf: 'num_experts' },
    nExpertUsed: { gguf: 'expert_used_count', hf: 'num_experts_per_tok' },
  }),
  // GGUF has no key for it: the published models do not normalize.
  complete: (_, file) => ({ normalizeExperts: file.flag('norm_topk_prob', false) }),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...ATTENTION,
    ...qkNorms('row'),
    ...EXPERTS,
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
