/** What models that rank by late interaction have beside their layers: vectors and weights of tokens. */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec, TensorRole } from '../types.ts';

type Spec = AnyTensorSpec<EncoderConfig>;

/** Names of the tensors in files of either naming. */
export const LATE_NAMES = {
  projection: 'late.projection.weight',
  importance: 'late.importance.weight',
} as const;

function tensor(name: string, file: string, role: TensorRole, shape: Spec['shape']): Spec {
  const places = { gguf: { name: file }, hf: { name: file } };
  const required = ({ late }: EncoderConfig) => late !== undefined;
  return { name, ...places, role, perLayer: false, shape, required };
}

export const LATE_INTERACTION: readonly Spec[] = [
  tensor('lateProj', LATE_NAMES.projection, 'router', (c) => [c.late?.width ?? 1, c.nEmbd]),
  tensor('lateImportance', LATE_NAMES.importance, 'bias', (c) => [1, c.nEmbd]),
];
