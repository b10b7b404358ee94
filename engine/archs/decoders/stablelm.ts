/**
 * StableLM 3B, Zephyr 3B and StableLM 2 1.6B: Llama with LayerNorm, where only a part of each head rotates.
 * The 12B model (parallel halves, norms of each head) is not supported. arXiv 2402.17834.
 */
import { configRows, layerNormEps } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  GATED_FFN,
  HEAD,
  NORM_BIASES,
  optional,
  OUTPUT_NORM,
  PRE_NORMS,
  qkvBiases,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const STABLELM: Architecture = {
  name: 'stablelm',
  ggufNames: ['stablelm'],
  hfModelTypes: ['stablelm'],
  norm: 'layer',
  activation: 'silu',
  ffn: 'gated',
  positions: 'rope',
  ggufPairing: 'half',
  hfSwitches: { use_qkv_bias: ['qBias', 'kBias', 'vBias'] },
  hfRefused: ['use_parallel_residual', 'qk_layernorm'],
  config: configRows({ normEps: layerNormEps('layer_norm_eps') }),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...NORM_BIASES,
    ...ATTENTION,
    ...qkvBiases(optional),
    ...GATED_FFN,
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
