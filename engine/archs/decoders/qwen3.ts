/** Qwen 3: Llama with norms of each head's query and key. arXiv 2505.09388. */
import { configRows } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  GATED_FFN,
  HEAD,
  OUTPUT_NORM,
  PRE_NORMS,
  qkNorms,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const QWEN3: Architecture = {
  name: 'qwen3',
  ggufNames: ['qwen3'],
  hfModelTypes: ['qwen3'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'gated',
  positions: 'rope',
  ggufPairing: 'half',
  config: configRows(),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...ATTENTION,
    ...qkNorms('head'),
    ...GATED_FFN,
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
