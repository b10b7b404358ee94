/**
 * Gemma 2: norms before and after each half, GELU gates, soft caps on scores and logits, a window in
 * every other layer, embeddings scaled by sqrt(C). Hugging Face files hold norms as distance from 1.
 * arXiv 2408.00118.
 */
import type { ModelConfig } from '../../manifest/manifest.ts';
import { configRows } from '../config-rows.ts';
import {
  ATTENTION,
  EMBEDDING,
  GATED_FFN,
  HEAD,
  layer,
  postNorms,
  whole,
  width,
} from '../tensor-rows.ts';
import type { Architecture, FieldReader, TensorSpec } from '../types.ts';

const cap = (name: string) => ({ gguf: name, hf: name, optional: true, isReal: true });

/** Added to the values of Gemma's norms in Hugging Face files. */
export const GEMMA_PLUS = { plus: 1 } as const;

export const GEMMA_NORMS: readonly TensorSpec[] = [
  layer(
    'attnNorm',
    'attn_norm.weight',
    { name: 'input_layernorm.weight', ...GEMMA_PLUS },
    'norm',
    width,
  ),
  layer(
    'ffnNorm',
    'ffn_norm.weight',
    { name: 'pre_feedforward_layernorm.weight', ...GEMMA_PLUS },
    'norm',
    width,
  ),
  ...postNorms(GEMMA_PLUS),
  whole(
    'outputNorm',
    'output_norm.weight',
    { name: 'model.norm.weight', ...GEMMA_PLUS },
    'norm',
    width,
  ),
];

/**
 * config.json has the width that scores are scaled by. GGUF files do not: it is the width of a head,
 * except in the 27B models, which are recognised by their number of layers.
 */
export function completeGemma(
  c: ModelConfig,
  file: FieldReader,
  nLayer27B: number,
): Partial<ModelConfig> {
  const known = c.nLayer === nLayer27B ? c.nEmbd / c.nHead : c.headDim;
  const scalar = file.format === 'hf' ? file.number('query_pre_attn_scalar', 256) : known;
  return { embeddingScale: Math.sqrt(c.nEmbd), attentionScale: 1 / Math.sqrt(scalar) };
}

export const GEMMA2: Architecture = {
  name: 'gemma2',
  ggufNames: ['gemma2'],
  hfModelTypes: ['gemma2'],
  norm: 'rms',
  activation: 'gelu',
  ffn: 'gated',
  positions: 'rope',
  ggufPairing: 'half',
  windowPeriod: 2,
  hfTiedHead: true,
  config: configRows({
    attentionSoftcap: cap('attn_logit_softcapping'),
    logitSoftcap: cap('final_logit_softcapping'),
  }),
  complete: (c, file) => completeGemma(c, file, 46),
  tensors: [...EMBEDDING, ...GEMMA_NORMS, ...ATTENTION, ...GATED_FFN, ...HEAD],
};
