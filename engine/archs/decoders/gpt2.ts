/**
 * GPT-2: LayerNorm, learned positions, biases everywhere, GELU without a gate. Hugging Face files
 * hold matrices transposed (transformers' Conv1D).
 */
import type { ModelConfig } from '../../manifest/manifest.ts';
import { configRows, layerNormEps } from '../config-rows.ts';
import { HEAD, layer, whole, width } from '../tensor-rows.ts';
import type { Shape } from '../tensor-rows.ts';
import type { Architecture, TensorRole, TensorSpec } from '../types.ts';

const wide: Shape = (c) => [c.nFf, c.nEmbd];
const narrow: Shape = (c) => [c.nEmbd, c.nFf];

/** A tensor of a layer; matrices are transposed in HF files. */
function own(name: string, gguf: string, hf: string, role: TensorRole, shape: Shape): TensorSpec {
  const transposed = role === 'attention' || role === 'ffn';
  return { ...layer(name, gguf, '', role, shape), hf: { name: `h.{i}.${hf}`, transposed } };
}

/** The third of queries, keys and values that begins at row `index` * nEmbd. */
function third(name: string, index: number, kind: 'weight' | 'bias'): TensorSpec {
  const part = (c: ModelConfig) => ({ from: index * c.nEmbd, of: 3 * c.nEmbd });
  const [role, shape]: [TensorRole, Shape] =
    kind === 'weight' ? ['attention', (c) => [c.nEmbd, c.nEmbd]] : ['bias', width];
  const spec = own(name, `attn_qkv.${kind}`, `attn.c_attn.${kind}`, role, shape);
  return { ...spec, gguf: { ...spec.gguf, part }, hf: { ...spec.hf, part } };
}

export const GPT2: Architecture = {
  name: 'gpt2',
  ggufNames: ['gpt2'],
  hfModelTypes: ['gpt2'],
  norm: 'layer',
  activation: 'gelu',
  ffn: 'plain',
  positions: 'learned',
  ggufPairing: 'half',
  hfTiedHead: true,
  hfPrefix: 'transformer.',
  hfRefused: ['scale_attn_by_inverse_layer_idx', 'add_cross_attention'],
  config: configRows({
    nLayer: { hf: 'n_layer' },
    nEmbd: { hf: 'n_embd' },
    nHead: { hf: 'n_head' },
    nFf: { hf: 'n_inner', fallback: ({ nEmbd = 0 }) => 4 * nEmbd },
    nCtx: { hf: 'n_positions' },
    normEps: layerNormEps('layer_norm_epsilon'),
  }),
  tensors: [
    whole('tokEmbd', 'token_embd.weight', 'wte.weight', 'embedding', (c) => [c.nVocab, c.nEmbd]),
    whole('posEmbd', 'position_embd.weight', 'wpe.weight', 'positions', (c) => [c.nCtx, c.nEmbd]),
    own('attnNorm', 'attn_norm.weight', 'ln_1.weight', 'norm', width),
    own('attnNormBias', 'attn_norm.bias', 'ln_1.bias', 'bias', width),
    ...['qProj', 'kProj', 'vProj'].map((name, i) => third(name, i, 'weight')),
    ...['qBias', 'kBias', 'vBias'].map((name, i) => third(name, i, 'bias')),
    own('oProj', 'attn_output.weight', 'attn.c_proj.weight', 'attention', (c) => [
      c.nEmbd,
      c.nEmbd,
    ]),
    own('oBias', 'attn_output.bias', 'attn.c_proj.bias', 'bias', width),
    own('ffnNorm', 'ffn_norm.weight', 'ln_2.weight', 'norm', width),
    own('ffnNormBias', 'ffn_norm.bias', 'ln_2.bias', 'bias', width),
    own('upProj', 'ffn_up.weight', 'mlp.c_fc.weight', 'ffn', wide),
    own('upBias', 'ffn_up.bias', 'mlp.c_fc.bias', 'bias', (c) => [1, c.nFf]),
    own('downProj', 'ffn_down.weight', 'mlp.c_proj.weight', 'ffn', narrow),
    own('downBias', 'ffn_down.bias', 'mlp.c_proj.bias', 'bias', width),
    whole('outputNorm', 'output_norm.weight', 'ln_f.weight', 'norm', width),
    whole('outputNormBias', 'output_norm.bias', 'ln_f.bias', 'bias', width),
    ...HEAD,
  ],
};
