/**
 * EmbeddingGemma (arXiv 2509.20354): Gemma 3's layers, in which every token sees those on both sides of it, in
 * five of six layers within half a window. Read from GGUF; the two products after pooling are used where a file
 * has them.
 */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import { GEMMA3 } from '../decoders/gemma3.ts';
import type { AnyTensorSpec, EncoderFamily } from '../types.ts';
import { fromDecoder } from './gguf-rows.ts';

/** llama.cpp's set_swa_pattern(6), for which GGUF has no key. */
const WINDOW_PERIOD = 6;
/** More layers than a manifest may have: a hostile number makes no list. */
const MAX_LAYERS = 1025;

function dense(
  name: string,
  gguf: string,
  shape: AnyTensorSpec<EncoderConfig>['shape'],
): AnyTensorSpec<EncoderConfig> {
  return {
    name,
    gguf: { name: gguf },
    role: 'ffn',
    perLayer: false,
    shape,
    required: ({ nDense }) => nDense !== undefined,
  };
}

export const GEMMA_EMBEDDING: EncoderFamily = {
  name: 'gemma-embedding',
  ggufNames: ['gemma-embedding'],
  hfModelTypes: [],
  unused: /(?!)/,
  normed: 'around',
  norm: 'rms',
  ffn: 'gelu-gated',
  sight: 'both',
  ggufKeys: {
    normEps: 'attention.layer_norm_rms_epsilon',
    nKvHead: 'attention.head_count_kv',
    headDim: 'attention.key_length',
    ropeTheta: 'rope.freq_base',
    localRopeTheta: 'rope.freq_base_swa',
  },
  complete({ nLayer, nEmbd, ropeTheta = 10_000, localRopeTheta = 10_000 }, file) {
    const half = Math.floor(file.number('attention.sliding_window') / 2);
    const isLocal = (layer: number) => layer % WINDOW_PERIOD < WINDOW_PERIOD - 1;
    return {
      ropeTheta,
      localRopeTheta,
      embeddingScale: Math.sqrt(nEmbd),
      windows: Array.from({ length: Math.min(nLayer, MAX_LAYERS) }, (_, layer) =>
        isLocal(layer) ? half : 0,
      ),
    };
  },
  tensors: [
    ...fromDecoder(GEMMA3.tensors),
    dense('dense2Proj', 'dense_2.weight', (c) => [c.nDense ?? 0, c.nEmbd]),
    dense('dense3Proj', 'dense_3.weight', (c) => [c.nEmbd, c.nDense ?? 0]),
  ],
};
