/**
 * nomic-embed-text 1 and 1.5 (arXiv 2402.01613): BERT with rotary positions, SwiGLU and no biases of products.
 * Read from GGUF; the mixture of experts (nomic-bert-moe) is another family.
 */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec, EncoderFamily } from '../types.ts';
import { BERT, layer, norm, square } from './bert.ts';
import { ggufOnly } from './gguf-rows.ts';

type Spec = AnyTensorSpec<EncoderConfig>;

/** The third of queries, keys and values that begins at row `index` * nEmbd. */
function third(name: string, index: number): Spec {
  const spec = layer(name, 'attn_qkv.weight', '', 'attention', square);
  const part = (c: EncoderConfig) => ({ from: index * c.nEmbd, of: 3 * c.nEmbd });
  return { ...spec, gguf: { name: 'blk.{i}.attn_qkv.weight', part } };
}

export const NOMIC_BERT: EncoderFamily = {
  ...BERT,
  name: 'nomic-bert',
  ggufNames: ['nomic-bert'],
  hfModelTypes: [],
  ffn: 'silu-gated',
  ggufKeys: { ropeTheta: 'rope.freq_base' },
  complete: ({ ropeTheta = 10_000 }) => ({ ropeTheta }),
  tensors: ggufOnly([
    ...BERT.tensors.filter(({ perLayer, name }) => perLayer === false && name !== 'positions'),
    ...['qProj', 'kProj', 'vProj'].map((name, index) => third(name, index)),
    layer('oProj', 'attn_output.weight', '', 'attention', square),
    ...norm('attnNorm', 'attn_output_norm', ''),
    layer('gateProj', 'ffn_gate.weight', '', 'ffn', (c) => [c.nFf, c.nEmbd]),
    layer('upProj', 'ffn_up.weight', '', 'ffn', (c) => [c.nFf, c.nEmbd]),
    layer('downProj', 'ffn_down.weight', '', 'ffn', (c) => [c.nEmbd, c.nFf]),
    ...norm('ffnNorm', 'layer_output_norm', ''),
  ]),
};
