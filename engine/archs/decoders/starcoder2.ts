/** StarCoder 2: LayerNorm, rotary positions, biases everywhere, GELU without a gate. arXiv 2402.19173. */
import { configRows, layerNormEps } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  HEAD,
  layer,
  NORM_BIASES,
  OUTPUT_NORM,
  outputBias,
  PRE_NORMS,
  qkvBiases,
  width,
} from '../tensor-rows.ts';
import type { Architecture } from '../types.ts';

export const STARCODER2: Architecture = {
  name: 'starcoder2',
  ggufNames: ['starcoder2'],
  hfModelTypes: ['starcoder2'],
  norm: 'layer',
  activation: 'gelu',
  ffn: 'plain',
  positions: 'rope',
  ggufPairing: 'half',
  hfTiedHead: true,
  config: configRows({ normEps: layerNormEps('norm_epsilon') }),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    ...NORM_BIASES,
    ...ATTENTION,
    ...qkvBiases(),
    ...outputBias(),
    layer('upProj', 'ffn_up.weight', 'mlp.c_fc.weight', 'ffn', (c) => [c.nFf, c.nEmbd]),
    layer('upBias', 'ffn_up.bias', 'mlp.c_fc.bias', 'bias', (c) => [1, c.nFf]),
    layer('downProj', 'ffn_down.weight', 'mlp.c_proj.weight', 'ffn', (c) => [c.nEmbd, c.nFf]),
    layer('downBias', 'ffn_down.bias', 'mlp.c_proj.bias', 'bias', width),
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
