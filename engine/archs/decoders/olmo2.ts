/**
 * OLMo 2 and 3: norms after each half instead of before it, and norms of whole rows of queries and keys.
 * Three of four layers of OLMo 3 have a window; they rotate without the scaling of the others.
 * arXiv 2501.00656.
 */
import { configRows } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  GATED_FFN,
  HEAD,
  OUTPUT_NORM,
  postNorms,
  qkNorms,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const OLMO2: Architecture = {
  name: 'olmo2',
  ggufNames: ['olmo2'],
  hfModelTypes: ['olmo2', 'olmo3'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'gated',
  positions: 'rope',
  ggufPairing: 'half',
  windowPeriod: 4,
  config: configRows({
    normEps: { hfFallback: 1e-5 },
    localRopeTheta: {
      gguf: 'rope.freq_base_swa',
      hf: 'rope_local_base_freq',
      fallback: ({ ropeTheta = 10000 }) => ropeTheta,
      isReal: true,
    },
  }),
  tensors: [
    ...EMBEDDING,
    ...ATTENTION,
    ...qkNorms('row'),
    ...postNorms(),
    ...GATED_FFN,
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
