/** Rows of encoders that are read from GGUF alone, and those of decoders whose layers they share. */
import type { EncoderConfig, ModelConfig } from '../../manifest/manifest.ts';
import type { AnyTensorSpec, FilePlace, TensorSpec } from '../types.ts';

type Spec = AnyTensorSpec<EncoderConfig>;

export function ggufOnly(specs: readonly Spec[]): Spec[] {
  return specs.map(({ hf: _, ...spec }) => spec);
}

/** The config that rows of a decoder read their shapes from. */
function decoderConfig(c: EncoderConfig): ModelConfig {
  const { nKvHead = c.nHead, headDim = c.nEmbd / c.nHead, ropeTheta = 10_000 } = c;
  const { nLayer, nEmbd, nHead, nFf, nVocab, nCtx, normEps } = c;
  return {
    ...{ nLayer, nEmbd, nHead, nKvHead, headDim, nFf, nVocab, nCtx, normEps, ropeTheta },
    ropePairing: 'half',
    ropeDim: headDim,
    ropeScaling: { kind: 'none' },
    // An encoder has no head.
    tiedHead: true,
  };
}

/** The same tensors, as rows of an encoder; the head is left out. */
export function fromDecoder(specs: readonly TensorSpec[]): Spec[] {
  const place = ({ part, dims, ...rest }: FilePlace): FilePlace<EncoderConfig> => ({
    ...rest,
    ...(dims === undefined ? {} : { dims: (c) => dims(decoderConfig(c)) }),
    ...(part === undefined ? {} : { part: (c) => part(decoderConfig(c)) }),
  });
  return specs
    .filter(({ role }) => role !== 'head')
    .map((spec): Spec => {
      const { name, role, required, shape } = spec;
      return {
        name,
        role,
        gguf: place(spec.gguf),
        perLayer: spec.perLayer !== false,
        shape: (c) => shape(decoderConfig(c)),
        required: typeof required === 'function' ? (c) => required(decoderConfig(c)) : required,
      };
    });
}
