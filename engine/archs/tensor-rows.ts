/** Rows of tensors that families share, by the names most of them use. */
import type { ModelConfig } from '../manifest/manifest.ts';
import { projectorSize, SENSE_NAMES } from '../manifest/modalities.ts';
import type { FilePlace, TensorRole, TensorSpec } from './types.ts';

export type Shape = TensorSpec['shape'];
type Place = string | FilePlace;
type Extra = Partial<TensorSpec>;

export const width: Shape = (c) => [1, c.nEmbd];
const vocab: Shape = (c) => [c.nVocab, c.nEmbd];
export const qRows = (c: ModelConfig) => c.nHead * c.headDim;
export const kvRows = (c: ModelConfig) => c.nKvHead * c.headDim;
export const optional = { required: false } as const;

/** A tensor of every layer; names are given without the prefix they have in each file. */
export function layer(
  name: string,
  gguf: Place,
  hf: Place,
  role: TensorRole,
  shape: Shape,
  extra: Extra = {},
): TensorSpec {
  return {
    name: `layers.{i}.${name}`,
    gguf: placed('blk.{i}.', gguf),
    hf: placed('model.layers.{i}.', hf),
    role,
    perLayer: true,
    shape,
    required: true,
    ...extra,
  };
}

/** A tensor of the whole model. */
export function whole(
  name: string,
  gguf: string,
  hf: Place,
  role: TensorRole,
  shape: Shape,
  extra: Extra = {},
): TensorSpec {
  return {
    name,
    gguf: { name: gguf },
    hf: placed('', hf),
    role,
    perLayer: false,
    shape,
    required: true,
    ...extra,
  };
}

function placed(prefix: string, place: Place): FilePlace {
  const given = typeof place === 'string' ? { name: place } : place;
  return { ...given, name: prefix + given.name };
}

export const EMBEDDING: readonly TensorSpec[] = [
  whole('tokEmbd', 'token_embd.weight', 'model.embed_tokens.weight', 'embedding', vocab),
];

export const HEAD: readonly TensorSpec[] = [
  whole('head', 'output.weight', 'lm_head.weight', 'head', vocab, {
    required: (c) => !c.tiedHead,
    isAlias: (c) => c.tiedHead,
  }),
];

/** A norm before each half and one before the head. */
export const PRE_NORMS: readonly TensorSpec[] = [
  layer('attnNorm', 'attn_norm.weight', 'input_layernorm.weight', 'norm', width),
  layer('ffnNorm', 'ffn_norm.weight', 'post_attention_layernorm.weight', 'norm', width),
];
export const OUTPUT_NORM: readonly TensorSpec[] = [
  whole('outputNorm', 'output_norm.weight', 'model.norm.weight', 'norm', width),
];
/** Norms of what each half adds, before it is added. */
export function postNorms(hf: Partial<FilePlace> = {}): TensorSpec[] {
  const attention = { name: 'post_attention_layernorm.weight', ...hf };
  const ffn = { name: 'post_feedforward_layernorm.weight', ...hf };
  return [
    layer('attnPostNorm', 'post_attention_norm.weight', attention, 'norm', width),
    layer('ffnPostNorm', 'post_ffw_norm.weight', ffn, 'norm', width),
  ];
}
/** Biases of LayerNorm. */
export const NORM_BIASES: readonly TensorSpec[] = [
  layer('attnNormBias', 'attn_norm.bias', 'input_layernorm.bias', 'bias', width),
  layer('ffnNormBias', 'ffn_norm.bias', 'post_attention_layernorm.bias', 'bias', width),
  whole('outputNormBias', 'output_norm.bias', 'model.norm.bias', 'bias', width),
];

const qRope = { ropeRows: 'nHead' } as const;
const kRope = { ropeRows: 'nKvHead' } as const;

export const ATTENTION_OUTPUT: readonly TensorSpec[] = [
  layer('oProj', 'attn_output.weight', 'self_attn.o_proj.weight', 'attention', (c) => [
    c.nEmbd,
    qRows(c),
  ]),
];
/** Queries, keys and values in separate matrices. */
export const ATTENTION: readonly TensorSpec[] = [
  layer(
    'qProj',
    'attn_q.weight',
    'self_attn.q_proj.weight',
    'attention',
    (c) => [qRows(c), c.nEmbd],
    qRope,
  ),
  layer(
    'kProj',
    'attn_k.weight',
    'self_attn.k_proj.weight',
    'attention',
    (c) => [kvRows(c), c.nEmbd],
    kRope,
  ),
  layer('vProj', 'attn_v.weight', 'self_attn.v_proj.weight', 'attention', (c) => [
    kvRows(c),
    c.nEmbd,
  ]),
  ...ATTENTION_OUTPUT,
];

export function qkvBiases(extra: Extra = {}): TensorSpec[] {
  const q: Shape = (c) => [1, qRows(c)];
  const kv: Shape = (c) => [1, kvRows(c)];
  return [
    layer('qBias', 'attn_q.bias', 'self_attn.q_proj.bias', 'bias', q, { ...extra, ...qRope }),
    layer('kBias', 'attn_k.bias', 'self_attn.k_proj.bias', 'bias', kv, { ...extra, ...kRope }),
    layer('vBias', 'attn_v.bias', 'self_attn.v_proj.bias', 'bias', kv, extra),
  ];
}
export function outputBias(extra: Extra = {}): TensorSpec[] {
  return [layer('oBias', 'attn_output.bias', 'self_attn.o_proj.bias', 'bias', width, extra)];
}

/** Norms of queries and keys before they rotate: of each head alone, or of the whole row. */
export function qkNorms(of: 'head' | 'row', hf: Partial<FilePlace> = {}): TensorSpec[] {
  const q: Shape = (c) => [1, of === 'head' ? c.headDim : qRows(c)];
  const k: Shape = (c) => [1, of === 'head' ? c.headDim : kvRows(c)];
  return [
    layer('qNorm', 'attn_q_norm.weight', { name: 'self_attn.q_norm.weight', ...hf }, 'norm', q),
    layer('kNorm', 'attn_k_norm.weight', { name: 'self_attn.k_norm.weight', ...hf }, 'norm', k),
  ];
}

export const GATED_FFN: readonly TensorSpec[] = [
  layer('gateProj', 'ffn_gate.weight', 'mlp.gate_proj.weight', 'ffn', (c) => [c.nFf, c.nEmbd]),
  layer('upProj', 'ffn_up.weight', 'mlp.up_proj.weight', 'ffn', (c) => [c.nFf, c.nEmbd]),
  layer('downProj', 'ffn_down.weight', 'mlp.down_proj.weight', 'ffn', (c) => [c.nEmbd, c.nFf]),
];
export const GATED_FFN_BIASES: readonly TensorSpec[] = [
  layer('gateBias', 'ffn_gate.bias', 'mlp.gate_proj.bias', 'bias', (c) => [1, c.nFf], optional),
  layer('upBias', 'ffn_up.bias', 'mlp.up_proj.bias', 'bias', (c) => [1, c.nFf], optional),
  layer('downBias', 'ffn_down.bias', 'mlp.down_proj.bias', 'bias', width, optional),
];
/** `attention_bias` and `mlp_bias`, as Llama's config has them. */
export const LLAMA_SWITCHES = {
  attention_bias: ['qBias', 'kBias', 'vBias', 'oBias'],
  mlp_bias: ['gateBias', 'upBias', 'downBias'],
} as const;

/** A router and its experts: GGUF stacks those of a layer, HF has each alone. */
export const EXPERTS: readonly TensorSpec[] = [
  layer('router', 'ffn_gate_inp.weight', 'mlp.gate.weight', 'router', (c) => [
    c.nExpert ?? 0,
    c.nEmbd,
  ]),
  expert('gateProj', 'ffn_gate_exps.weight', 'gate_proj.weight', (c) => [c.nFf, c.nEmbd]),
  expert('upProj', 'ffn_up_exps.weight', 'up_proj.weight', (c) => [c.nFf, c.nEmbd]),
  expert('downProj', 'ffn_down_exps.weight', 'down_proj.weight', (c) => [c.nEmbd, c.nFf]),
];

function expert(name: string, gguf: string, hf: string, shape: Shape): TensorSpec {
  const stacked = { name: gguf, stacked: true };
  const own = { perExpert: true };
  return layer(`experts.{e}.${name}`, stacked, `mlp.experts.{e}.${hf}`, 'ffn', shape, own);
}

/** Of each sense: the map of its vectors into the model's width, and the rows of their places in a segment. */
export const PROJECTORS: readonly TensorSpec[] = SENSE_NAMES.flatMap((sense) => {
  const size = ({ modalities }: ModelConfig) =>
    projectorSize(modalities, sense) ?? { nIn: 0, nPosition: 0 };
  const extra: Extra = { present: (c) => c.modalities?.[sense] !== undefined, manyRows: true };
  const file = `projectors.${sense}`;
  const map: Shape = (c) => [c.nEmbd, size(c).nIn];
  const places: Shape = (c) => [size(c).nPosition, c.nEmbd];
  return [
    whole(`${sense}Map`, `${file}.linear.weight`, `${file}.linear.weight`, 'ffn', map, extra),
    whole(
      ...([`${sense}Places`, `${file}.positions.weight`] as const),
      ...([`${file}.positions.weight`, 'positions', places, extra] as const),
    ),
  ];
});
