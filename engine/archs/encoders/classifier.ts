/** What rerankers have after their layers: a product with tanh, where a family has it, and one that gives scores. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec } from '../types.ts';

type Spec = AnyTensorSpec<EncoderConfig>;

function tensor(
  name: string,
  gguf: string,
  shape: Spec['shape'],
  required: Spec['required'] = false,
): Spec {
  return { name, gguf: { name: gguf }, role: 'ffn', perLayer: false, shape, required };
}

const isRanker = ({ nClass }: EncoderConfig): boolean => nClass !== undefined;

export const CLASSIFIER: readonly Spec[] = [
  tensor('clsProj', 'cls.weight', (c) => [c.nEmbd, c.nEmbd]),
  { ...tensor('clsBias', 'cls.bias', (c) => [1, c.nEmbd]), role: 'bias' },
  tensor('scoreProj', 'cls.output.weight', (c) => [c.nClass ?? 1, c.nEmbd], isRanker),
  { ...tensor('scoreBias', 'cls.output.bias', (c) => [1, c.nClass ?? 1]), role: 'bias' },
];
