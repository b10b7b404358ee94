/**
 * BERT (arXiv 1810.04805) and the models derived from it for sentences (MiniLM, bge, e5, gte): learned
 * positions, LayerNorm after each half, GELU without a gate, biases everywhere. Token types are zero, but for
 * passages of rerankers whose files ask for another.
 */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec, EncoderFamily, TensorRole } from '../types.ts';
import { CLASSIFIER } from './classifier.ts';
import { LATE_INTERACTION } from './late-interaction.ts';

type Spec = AnyTensorSpec<EncoderConfig>;
type Shape = Spec['shape'];

export const width: Shape = (c) => [1, c.nEmbd];

export function whole(
  name: string,
  gguf: string,
  hf: string,
  role: TensorRole,
  shape: Shape,
): Spec {
  return {
    name,
    gguf: { name: gguf },
    hf: { name: `embeddings.${hf}` },
    role,
    perLayer: false,
    shape,
    required: true,
  };
}

export function layer(
  name: string,
  gguf: string,
  hf: string,
  role: TensorRole,
  shape: Shape,
): Spec {
  return {
    name: `layers.{i}.${name}`,
    gguf: { name: `blk.{i}.${gguf}` },
    hf: { name: `encoder.layer.{i}.${hf}` },
    role,
    perLayer: true,
    shape,
    required: true,
  };
}

/** LayerNorm of a layer. */
export function norm(name: string, gguf: string, hf: string): Spec[] {
  return [
    layer(name, `${gguf}.weight`, `${hf}.weight`, 'norm', width),
    layer(`${name}Bias`, `${gguf}.bias`, `${hf}.bias`, 'bias', width),
  ];
}

/** A product of a layer with its bias. */
export function linear(
  name: string,
  gguf: string,
  hf: string,
  role: TensorRole,
  shape: Shape,
): Spec[] {
  const bias: Shape = (c) => [1, shape(c)[0]];
  return [
    layer(`${name}Proj`, `${gguf}.weight`, `${hf}.weight`, role, shape),
    layer(`${name}Bias`, `${gguf}.bias`, `${hf}.bias`, 'bias', bias),
  ];
}

export const square: Shape = (c) => [c.nEmbd, c.nEmbd];

export const BERT: EncoderFamily = {
  name: 'bert',
  ggufNames: ['bert'],
  hfModelTypes: ['bert'],
  hfPrefix: 'bert.',
  normed: 'after',
  norm: 'layer',
  ffn: 'gelu-erf',
  sight: 'both',
  score: 'logit',
  unused: /cls\.|embeddings\.position_ids$/,
  ofClassifiers: /pooler\./,
  tensors: [
    whole('tokEmbd', 'token_embd.weight', 'word_embeddings.weight', 'embedding', (c) => [
      c.nVocab,
      c.nEmbd,
    ]),
    whole('positions', 'position_embd.weight', 'position_embeddings.weight', 'positions', (c) => [
      c.nCtx,
      c.nEmbd,
    ]),
    whole('tokenTypes', 'token_types.weight', 'token_type_embeddings.weight', 'positions', (c) => [
      c.nTokenType,
      c.nEmbd,
    ]),
    whole('embdNorm', 'token_embd_norm.weight', 'LayerNorm.weight', 'norm', width),
    whole('embdNormBias', 'token_embd_norm.bias', 'LayerNorm.bias', 'bias', width),
    ...linear('q', 'attn_q', 'attention.self.query', 'attention', square),
    ...linear('k', 'attn_k', 'attention.self.key', 'attention', square),
    ...linear('v', 'attn_v', 'attention.self.value', 'attention', square),
    ...linear('o', 'attn_output', 'attention.output.dense', 'attention', square),
    ...norm('attnNorm', 'attn_output_norm', 'attention.output.LayerNorm'),
    ...linear('up', 'ffn_up', 'intermediate.dense', 'ffn', (c) => [c.nFf, c.nEmbd]),
    ...linear('down', 'ffn_down', 'output.dense', 'ffn', (c) => [c.nEmbd, c.nFf]),
    ...norm('ffnNorm', 'layer_output_norm', 'output.LayerNorm'),
    ...CLASSIFIER,
    ...LATE_INTERACTION,
  ],
};
