/**
 * GGUF metadata as a ModelConfig. Keys: ggml/docs/gguf.md; defaults as llama.cpp's
 * llama-model.cpp (load_hparams) has them.
 */
import type { GgufMetadata, GgufValue } from '../../engine/formats/gguf.ts';
import type { ModelConfig, RopeScaling } from '../../engine/formats/manifest.ts';
import { checkConfig, configError } from './opened-model.ts';

/** What a config needs from the tensors. */
export interface GgufFacts {
  readonly hasHead: boolean;
  /** Values of rope_freqs.weight. */
  readonly ropeFactors: readonly number[] | null;
}

/** @throws {EngineError} E_FORMAT_INVALID naming the key. */
export function configFromGguf(
  where: string,
  metadata: GgufMetadata,
  facts: GgufFacts,
): ModelConfig {
  const keys = new KeyReader(where, metadata, String(metadata.get('general.architecture')));
  const nHead = keys.number('attention.head_count');
  const nEmbd = keys.number('embedding_length');
  const headDim = keys.number('attention.key_length', nEmbd / nHead);
  if (keys.number('attention.value_length', headDim) !== headDim)
    throw configError(where, 'keys and values of different widths are not supported', {});
  if (keys.number('expert_count', 0) > 0)
    throw configError(where, 'mixture of experts is not supported', {});
  const nCtx = keys.number('context_length');
  return checkConfig(where, {
    nLayer: keys.number('block_count'),
    nEmbd,
    nHead,
    nKvHead: keys.number('attention.head_count_kv', nHead),
    headDim,
    nFf: keys.number('feed_forward_length'),
    nVocab: keys.number('vocab_size', tokenCount(metadata)),
    // Inside its window a sliding-window model is a plain one.
    nCtx: Math.min(nCtx, keys.number('attention.sliding_window', 0) || nCtx),
    normEps: keys.number('attention.layer_norm_rms_epsilon'),
    ropeTheta: keys.number('rope.freq_base', 10000),
    // llama.cpp's converter reorders q and k so that neighbours rotate together.
    ropePairing: 'adjacent',
    ropeDim: keys.number('rope.dimension_count', headDim),
    ropeScaling: readScaling(where, keys, nCtx, facts.ropeFactors),
    tiedHead: !facts.hasHead,
  });
}

function readScaling(
  where: string,
  keys: KeyReader,
  nCtx: number,
  factors: readonly number[] | null,
): RopeScaling {
  const factor = keys.number('rope.scaling.factor', keys.number('rope.scale_linear', 1));
  const kind = keys.string('rope.scaling.type', factor === 1 ? 'none' : 'linear');
  const isScaled = kind !== 'none' && factor !== 1;
  if (factors !== null && isScaled)
    throw configError(where, `rope_freqs.weight beside ${kind} scaling is not supported`, { kind });
  if (factors !== null) return { kind: 'factors', factors: [...factors] };
  if (!isScaled) return { kind: 'none' };
  if (kind === 'linear') return { kind: 'linear', factor };
  if (kind === 'yarn') {
    return {
      kind: 'yarn',
      factor,
      originalCtx: keys.number('rope.scaling.original_context_length', nCtx),
      betaFast: keys.number('rope.scaling.yarn_beta_fast', 32),
      betaSlow: keys.number('rope.scaling.yarn_beta_slow', 1),
      // The whole multiplier of cosine and sine; the file's own only multiplies the paper's.
      attnFactor: keys.number('rope.scaling.attn_factor', 1) * yarnAttnFactor(factor),
    };
  }
  throw configError(where, `rope scaling '${kind.slice(0, 40)}' is not supported`, { kind });
}

/** The attention factor YaRN gives for a context stretched `factor` times (arXiv 2309.00071, 3.4). */
export function yarnAttnFactor(factor: number): number {
  return factor > 1 ? 0.1 * Math.log(factor) + 1 : 1;
}

function tokenCount(metadata: GgufMetadata): number {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  return Array.isArray(tokens) ? tokens.length : 0;
}

/** Typed look-ups under `<architecture>.`. */
class KeyReader {
  private readonly where: string;
  private readonly metadata: GgufMetadata;
  private readonly prefix: string;

  constructor(where: string, metadata: GgufMetadata, prefix: string) {
    this.where = where;
    this.metadata = metadata;
    this.prefix = prefix;
  }

  /** A number, or one number a layer when all are equal. */
  number(key: string, fallback?: number): number {
    const full = `${this.prefix}.${key}`;
    const value = this.metadata.get(full) ?? fallback;
    if (value === undefined) throw configError(this.where, `key ${full} is missing`, { key: full });
    const number = uniform(value);
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw configError(this.where, `key ${full} is no number, or differs between layers`, {
      key: full,
    });
  }

  string(key: string, fallback: string): string {
    const full = `${this.prefix}.${key}`;
    const value = this.metadata.get(full) ?? fallback;
    if (typeof value === 'string') return value;
    throw configError(this.where, `key ${full} is no string`, { key: full });
  }
}

function uniform(value: GgufValue): GgufValue | undefined {
  if (!Array.isArray(value)) return value;
  const list = value as readonly GgufValue[];
  return list.every((item) => item === list[0]) ? list[0] : undefined;
}
