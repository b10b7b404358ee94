/**
 * Qwen3 Embedding (arXiv 2506.05176): a Qwen 3 without its head; the last token's row, which has seen all others,
 * is the vector, or the scores of yes and no (Qwen3 Reranker). Read from GGUF files of architecture qwen3 that state
 * a pooling.
 */
import { QWEN3 } from '../decoders/qwen3.ts';
import type { EncoderFamily } from '../types.ts';
import { CLASSIFIER } from './classifier.ts';
import { fromDecoder } from './gguf-rows.ts';

export const QWEN3_EMBEDDING: EncoderFamily = {
  name: 'qwen3-embedding',
  pooledGgufNames: ['qwen3'],
  hfModelTypes: [],
  unused: /(?!)/,
  normed: 'before',
  norm: 'rms',
  ffn: 'silu-gated',
  sight: 'before',
  score: 'probability',
  ggufKeys: {
    normEps: 'attention.layer_norm_rms_epsilon',
    nKvHead: 'attention.head_count_kv',
    headDim: 'attention.key_length',
    ropeTheta: 'rope.freq_base',
  },
  complete: ({ ropeTheta = 10_000 }) => ({ ropeTheta }),
  tensors: [...fromDecoder(QWEN3.tensors), ...CLASSIFIER],
};
