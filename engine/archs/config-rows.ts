/** Names of a config's numbers in GGUF metadata and in config.json, as most families have them. */
import type { ConfigRow, NumberField } from './types.ts';

type RowChange = Partial<Omit<ConfigRow, 'field'>>;

/** In the order they are read: a row comes after those it falls back to. */
const COMMON: readonly ConfigRow[] = [
  { field: 'nLayer', gguf: 'block_count', hf: 'num_hidden_layers' },
  { field: 'nEmbd', gguf: 'embedding_length', hf: 'hidden_size' },
  { field: 'nHead', gguf: 'attention.head_count', hf: 'num_attention_heads' },
  {
    field: 'nKvHead',
    gguf: 'attention.head_count_kv',
    hf: 'num_key_value_heads',
    fallback: ({ nHead = 0 }) => nHead,
  },
  {
    field: 'headDim',
    gguf: 'attention.key_length',
    hf: 'head_dim',
    fallback: ({ nEmbd = 0, nHead = 0 }) => nEmbd / nHead,
  },
  { field: 'nFf', gguf: 'feed_forward_length', hf: 'intermediate_size' },
  { field: 'nCtx', gguf: 'context_length', hf: 'max_position_embeddings' },
  {
    field: 'normEps',
    gguf: 'attention.layer_norm_rms_epsilon',
    hf: 'rms_norm_eps',
    hfFallback: 1e-6,
    isReal: true,
  },
  {
    field: 'ropeTheta',
    gguf: 'rope.freq_base',
    hf: 'rope_theta',
    fallback: 10000,
    isReal: true,
  },
];

/** The common rows with a family's changes, followed by rows for fields only it has. */
export function configRows(changes: Partial<Record<NumberField, RowChange>> = {}): ConfigRow[] {
  const known = new Set(COMMON.map(({ field }) => field));
  const added = (Object.keys(changes) as NumberField[])
    .filter((field) => !known.has(field))
    .map((field): ConfigRow => ({ field, gguf: '', hf: '', ...changes[field] }));
  return [...COMMON.map((row) => ({ ...row, ...changes[row.field] })), ...added];
}

/** The epsilon of families with LayerNorm. */
export function layerNormEps(hf: string): RowChange {
  return { gguf: 'attention.layer_norm_epsilon', hf, hfFallback: 1e-5 };
}
