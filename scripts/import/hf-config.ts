/**
 * config.json of a Hugging Face folder as a ModelConfig. Fields and defaults: transformers'
 * LlamaConfig and modeling_rope_utils.py.
 */
import type { JsonObject, JsonValue } from '../../engine/formats/json.ts';
import type { ModelConfig, RopeScaling } from '../../engine/formats/manifest.ts';
import { yarnAttnFactor } from './gguf-config.ts';
import { checkConfig, configError } from './opened-model.ts';

/** @throws {EngineError} E_FORMAT_INVALID naming the field. */
export function configFromHf(where: string, json: JsonObject): ModelConfig {
  const activation = json['hidden_act'] ?? 'silu';
  if (activation !== 'silu')
    throw configError(where, `hidden_act ${shown(activation)}; expected silu`, { activation });
  const nHead = readNumber(where, json, 'num_attention_heads');
  const nEmbd = readNumber(where, json, 'hidden_size');
  const headDim = readNumber(where, json, 'head_dim', nEmbd / nHead);
  const nCtx = readNumber(where, json, 'max_position_embeddings');
  const rope = asObject(json['rope_parameters']) ?? {};
  return checkConfig(where, {
    nLayer: readNumber(where, json, 'num_hidden_layers'),
    nEmbd,
    nHead,
    nKvHead: readNumber(where, json, 'num_key_value_heads', nHead),
    headDim,
    nFf: readNumber(where, json, 'intermediate_size'),
    nVocab: readNumber(where, json, 'vocab_size'),
    // Inside its window a sliding-window model is a plain one.
    nCtx: Math.min(nCtx, readNumber(where, json, 'sliding_window', nCtx)),
    normEps: readNumber(where, json, 'rms_norm_eps', 1e-6),
    ropeTheta: readNumber(where, json, 'rope_theta', readNumber(where, rope, 'rope_theta', 10000)),
    ropePairing: 'half',
    ropeDim: headDim * readNumber(where, json, 'partial_rotary_factor', 1),
    ropeScaling: readScaling(where, asObject(json['rope_scaling']) ?? rope, nCtx),
    tiedHead: json['tie_word_embeddings'] === true,
  });
}

/** Optional tensors these switches make required, by our names without the layer. */
export function biasesOfHf(json: JsonObject): string[] {
  const attention = json['attention_bias'] === true ? ['qBias', 'kBias', 'vBias', 'oBias'] : [];
  const ffn = json['mlp_bias'] === true ? ['gateBias', 'upBias', 'downBias'] : [];
  return [...attention, ...ffn];
}

function readScaling(where: string, rope: JsonObject, nCtx: number): RopeScaling {
  const kind = rope['rope_type'] ?? rope['type'] ?? 'default';
  if (kind === 'default') return { kind: 'none' };
  const factor = readNumber(where, rope, 'factor');
  const originalCtx = readNumber(where, rope, 'original_max_position_embeddings', nCtx);
  if (kind === 'linear') return { kind, factor };
  if (kind === 'llama3') {
    return {
      kind,
      factor,
      lowFreqFactor: readNumber(where, rope, 'low_freq_factor'),
      highFreqFactor: readNumber(where, rope, 'high_freq_factor'),
      originalCtx,
    };
  }
  if (kind === 'yarn') {
    return {
      kind,
      factor,
      originalCtx,
      betaFast: readNumber(where, rope, 'beta_fast', 32),
      betaSlow: readNumber(where, rope, 'beta_slow', 1),
      attnFactor: readNumber(where, rope, 'attention_factor', yarnAttnFactor(factor)),
    };
  }
  throw configError(
    where,
    `rope scaling ${shown(kind)}; expected default, linear, llama3 or yarn`,
    {
      kind,
    },
  );
}

/** A field that is missing or null takes the fallback. */
function readNumber(where: string, json: JsonObject, key: string, fallback?: number): number {
  const value = json[key] ?? fallback;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw configError(where, `${key}; expected a number, got ${shown(value)}`, { key });
}

export function asObject(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}

function shown(value: JsonValue | undefined): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
