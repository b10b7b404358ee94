/**
 * Phi 3 and 3.5: Llama whose files hold queries, keys and values as one matrix and gate and up as
 * another, and rotary factors for short and long contexts. arXiv 2404.14219, 2402.13753 (LongRoPE).
 */
import type { ModelConfig } from '../../manifest/manifest.ts';
import { configRows } from '../config-rows.ts';
import {
  ATTENTION_OUTPUT,
  EMBEDDING,
  HEAD,
  kvRows,
  layer,
  OUTPUT_NORM,
  PRE_NORMS,
  qRows,
} from '../tensor-rows.ts';
import type { Architecture, TensorSpec } from '../types.ts';

type Rows = (c: ModelConfig) => number;

/** Rows of the one matrix of queries, keys and values. */
function qkv(name: string, from: Rows, rows: Rows, extra: Partial<TensorSpec> = {}): TensorSpec {
  const part = (c: ModelConfig) => ({ from: from(c), of: qRows(c) + 2 * kvRows(c) });
  return layer(
    name,
    { name: 'attn_qkv.weight', part },
    { name: 'self_attn.qkv_proj.weight', part },
    'attention',
    (c) => [rows(c), c.nEmbd],
    extra,
  );
}

/** Rows of the one matrix of gate and up, which GGUF calls up. */
function gateUp(name: string, from: Rows): TensorSpec {
  const part = (c: ModelConfig) => ({ from: from(c), of: 2 * c.nFf });
  return layer(
    name,
    { name: 'ffn_up.weight', part },
    { name: 'mlp.gate_up_proj.weight', part },
    'ffn',
    (c) => [c.nFf, c.nEmbd],
  );
}

export const PHI3: Architecture = {
  name: 'phi3',
  ggufNames: ['phi3'],
  hfModelTypes: ['phi3'],
  norm: 'rms',
  activation: 'silu',
  ffn: 'gated',
  positions: 'rope',
  ggufPairing: 'half',
  config: configRows({ normEps: { hfFallback: 1e-5 } }),
  tensors: [
    ...EMBEDDING,
    ...PRE_NORMS,
    qkv('qProj', () => 0, qRows, { ropeRows: 'nHead' }),
    qkv('kProj', qRows, kvRows, { ropeRows: 'nKvHead' }),
    qkv('vProj', (c) => qRows(c) + kvRows(c), kvRows),
    ...ATTENTION_OUTPUT,
    gateUp('gateProj', () => 0),
    gateUp('upProj', (c) => c.nFf),
    layer('downProj', 'ffn_down.weight', 'mlp.down_proj.weight', 'ffn', (c) => [c.nEmbd, c.nFf]),
    ...OUTPUT_NORM,
    ...HEAD,
  ],
};
