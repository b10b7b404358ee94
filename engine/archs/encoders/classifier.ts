/** What rerankers have after their layers: a product with tanh, where a family has it, and one that gives scores. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec } from '../types.ts';

type Spec = AnyTensorSpec<EncoderConfig>;

function tensor(
  name: string,
  gguf: string,
  hf: string,
  shape: Spec['shape'],
  required: Spec['required'] = false,
): Spec {
  const places = { gguf: { name: gguf }, hf: { name: hf } };
  return { name, ...places, role: 'ffn', perLayer: false, shape, required };
}

const isRanker = ({ nClass }: EncoderConfig): boolean => nClass !== undefined;

export const CLASSIFIER: readonly Spec[] = [
  tensor('clsProj', 'cls.weight', 'pooler.dense.weight', (c) => [c.nEmbd, c.nEmbd]),
  { ...tensor('clsBias', 'cls.bias', 'pooler.dense.bias', (c) => [1, c.nEmbd]), role: 'bias' },
  tensor(
    'scoreProj',
    'cls.output.weight',
    'classifier.weight',
    (c) => [c.nClass ?? 1, c.nEmbd],
    isRanker,
  ),
  {
    ...tensor('scoreBias', 'cls.output.bias', 'classifier.bias', (c) => [1, c.nClass ?? 1]),
    role: 'bias',
  },
];
