/**
 * Llama: RMSNorm before each half, rotary positions, grouped-query attention, SwiGLU.
 * Papers: arXiv 2302.13971, 2305.13245 (GQA), 2104.09864 (RoPE). Serves SmolLM2, Llama 1-3, Mistral.
 */
import type { ModelConfig } from '../formats/manifest.ts';
import type { Architecture, TensorRole, TensorSpec } from './types.ts';

type Shape = TensorSpec['shape'];

const width: Shape = (c) => [1, c.nEmbd];
const vocab: Shape = (c) => [c.nVocab, c.nEmbd];
const qRows = (c: ModelConfig) => c.nHead * c.headDim;
const kvRows = (c: ModelConfig) => c.nKvHead * c.headDim;

function layer(
  name: string,
  gguf: string,
  hf: string,
  role: TensorRole,
  shape: Shape,
  extra: Partial<TensorSpec> = {},
): TensorSpec {
  return {
    name: `layers.{i}.${name}`,
    gguf: `blk.{i}.${gguf}`,
    hf: `model.layers.{i}.${hf}`,
    role,
    perLayer: true,
    shape,
    required: true,
    ...extra,
  };
}

const optional = { required: false } as const;

export const LLAMA: Architecture = {
  name: 'llama',
  ggufNames: ['llama'],
  hfModelTypes: ['llama', 'mistral', 'smollm'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'gated',
  tensors: [
    {
      name: 'tokEmbd',
      gguf: 'token_embd.weight',
      hf: 'model.embed_tokens.weight',
      role: 'embedding',
      perLayer: false,
      shape: vocab,
      required: true,
    },
    layer('attnNorm', 'attn_norm.weight', 'input_layernorm.weight', 'norm', width),
    layer(
      'qProj',
      'attn_q.weight',
      'self_attn.q_proj.weight',
      'attention',
      (c) => [qRows(c), c.nEmbd],
      {
        ropeRows: 'nHead',
      },
    ),
    layer(
      'kProj',
      'attn_k.weight',
      'self_attn.k_proj.weight',
      'attention',
      (c) => [kvRows(c), c.nEmbd],
      {
        ropeRows: 'nKvHead',
      },
    ),
    layer('vProj', 'attn_v.weight', 'self_attn.v_proj.weight', 'attention', (c) => [
      kvRows(c),
      c.nEmbd,
    ]),
    layer('oProj', 'attn_output.weight', 'self_attn.o_proj.weight', 'attention', (c) => [
      c.nEmbd,
      qRows(c),
    ]),
    layer('qBias', 'attn_q.bias', 'self_attn.q_proj.bias', 'bias', (c) => [1, qRows(c)], {
      ...optional,
      ropeRows: 'nHead',
    }),
    layer('kBias', 'attn_k.bias', 'self_attn.k_proj.bias', 'bias', (c) => [1, kvRows(c)], {
      ...optional,
      ropeRows: 'nKvHead',
    }),
    layer('vBias', 'attn_v.bias', 'self_attn.v_proj.bias', 'bias', (c) => [1, kvRows(c)], optional),
    layer('oBias', 'attn_output.bias', 'self_attn.o_proj.bias', 'bias', width, optional),
    layer('ffnNorm', 'ffn_norm.weight', 'post_attention_layernorm.weight', 'norm', width),
    layer('gateProj', 'ffn_gate.weight', 'mlp.gate_proj.weight', 'ffn', (c) => [c.nFf, c.nEmbd]),
    layer('upProj', 'ffn_up.weight', 'mlp.up_proj.weight', 'ffn', (c) => [c.nFf, c.nEmbd]),
    layer('downProj', 'ffn_down.weight', 'mlp.down_proj.weight', 'ffn', (c) => [c.nEmbd, c.nFf]),
    layer('gateBias', 'ffn_gate.bias', 'mlp.gate_proj.bias', 'bias', (c) => [1, c.nFf], optional),
    layer('upBias', 'ffn_up.bias', 'mlp.up_proj.bias', 'bias', (c) => [1, c.nFf], optional),
    layer('downBias', 'ffn_down.bias', 'mlp.down_proj.bias', 'bias', width, optional),
    {
      name: 'outputNorm',
      gguf: 'output_norm.weight',
      hf: 'model.norm.weight',
      role: 'norm',
      perLayer: false,
      shape: width,
      required: true,
    },
    {
      name: 'head',
      gguf: 'output.weight',
      hf: 'lm_head.weight',
      role: 'head',
      perLayer: false,
      shape: vocab,
      required: (c) => !c.tiedHead,
    },
  ],
};
