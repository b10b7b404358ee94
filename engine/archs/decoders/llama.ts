/**
 * Llama: RMSNorm before each half, rotary positions, grouped-query attention, SwiGLU.
 * Papers: arXiv 2302.13971, 2305.13245 (GQA), 2104.09864 (RoPE). Serves SmolLM2, Llama 1-3, Mistral.
 */
import { configRows } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  GATED_FFN,
  GATED_FFN_BIASES,
  HEAD,
  LLAMA_SWITCHES,
  optional,
  OUTPUT_NORM,
  outputBias,
  PRE_NORMS,
  PROJECTORS,
  qkvBiases,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const LLAMA: Architecture = {
  name: 'llama',
  ggufNames: ['llama'],
  hfModelTypes: ['llama', 'mistral', 'smollm'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'gated',
  positions: 'rope',
  // llama.cpp's converter reorders q and k so that neighbours rotate together.
  ggufPairing: 'adjacent',
  hfSwitches: LLAMA_SWITCHES,
  config: configRows(),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...ATTENTION,
    ...qkvBiases(optional),
    ...outputBias(optional),
    ...GATED_FFN,
    ...GATED_FFN_BIASES,
    ...OUTPUT_NORM,
    ...HEAD,
    ...PROJECTORS,
  ],
};
