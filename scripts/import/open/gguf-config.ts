/**
 * GGUF metadata as a ModelConfig. Keys: ggml/docs/gguf.md; defaults as llama.cpp's loaders
 * (load_arch_hparams of each model) have them.
 */
import type { Architecture, FieldReader } from '../../../engine/archs/types.ts';
import type { GgufMetadata, GgufValue } from '../../../engine/formats/gguf.ts';
import type { ModelConfig, RopeScaling } from '../../../engine/manifest/manifest.ts';
import { configFromRows, periodic } from './config-fields.ts';
import type { LayerWindows } from './config-fields.ts';
import { configError } from './opened-model.ts';

/** What a config needs from the tensors. */
export interface GgufFacts {
  readonly hasHead: boolean;
  /** Values of rope_freqs.weight. */
  readonly ropeFactors: readonly number[] | null;
  /** Values of rope_factors_short.weight and rope_factors_long.weight. */
  readonly longRope?: { readonly short: readonly number[]; readonly long: readonly number[] };
}

/** @throws {EngineError} E_FORMAT_INVALID naming the key. */
export function configFromGguf(
  where: string,
  metadata: GgufMetadata,
  arch: Architecture,
  facts: GgufFacts,
): ModelConfig {
  const keys = new KeyReader(where, metadata, String(metadata.get('general.architecture')));
  if (arch.ffn !== 'experts' && keys.number('expert_count', 0) > 0)
    throw configError(where, `mixture of experts is not supported in ${arch.name}`, {});
  const config = configFromRows(where, arch, keys, {
    nVocab: keys.number('vocab_size', tokenCount(metadata)),
    ropePairing: arch.ggufPairing,
    ropeDim: (headDim) => keys.number('rope.dimension_count', headDim),
    ropeScaling: (nCtx) => readScaling(where, keys, nCtx, facts),
    tiedHead: !facts.hasHead,
    windows: () => readWindows(keys, arch.windowPeriod ?? 0),
  });
  if (keys.number('attention.value_length', config.headDim) !== config.headDim)
    throw configError(where, 'keys and values of different widths are not supported', {});
  return config;
}

function readWindows(keys: KeyReader, period: number): LayerWindows | null {
  const nToken = keys.optional('attention.sliding_window') ?? 0;
  if (nToken === 0) return null;
  const list = keys.list('attention.sliding_window_pattern');
  if (list !== null) return { nToken, isLocal: (layer) => list[layer] === true };
  return { nToken, isLocal: periodic(keys.number('attention.sliding_window_pattern', period)) };
}

function readScaling(
  where: string,
  keys: KeyReader,
  nCtx: number,
  { ropeFactors, longRope }: GgufFacts,
): RopeScaling {
  const factor = keys.number('rope.scaling.factor', keys.number('rope.scale_linear', 1));
  const kind = keys.string('rope.scaling.type', factor === 1 ? 'none' : 'linear');
  const originalCtx = keys.number('rope.scaling.original_context_length', nCtx);
  const ownFactor = keys.number('rope.scaling.attn_factor', 1);
  if (longRope !== undefined)
    return {
      kind: 'longrope',
      short: [...longRope.short],
      long: [...longRope.long],
      originalCtx,
      attnFactor: ownFactor,
    };
  const isScaled = kind !== 'none' && factor !== 1;
  if (ropeFactors !== null && isScaled)
    throw configError(where, `rope_freqs.weight beside ${kind} scaling is not supported`, { kind });
  if (ropeFactors !== null) return { kind: 'factors', factors: [...ropeFactors] };
  if (!isScaled) return { kind: 'none' };
  if (kind === 'linear') return { kind: 'linear', factor };
  if (kind === 'yarn') {
    return {
      kind: 'yarn',
      factor,
      originalCtx,
      betaFast: keys.number('rope.scaling.yarn_beta_fast', 32),
      betaSlow: keys.number('rope.scaling.yarn_beta_slow', 1),
      // The whole multiplier of cosine and sine; the file's own only multiplies the paper's.
      attnFactor: ownFactor * yarnAttnFactor(factor),
    };
  }
  throw configError(where, `rope scaling '${kind.slice(0, 40)}' is not supported`, { kind });
}

/** YaRN's attention factor for a context stretched `factor` times (arXiv 2309.00071, 3.4). */
export function yarnAttnFactor(factor: number): number {
  return factor > 1 ? 0.1 * Math.log(factor) + 1 : 1;
}

function tokenCount(metadata: GgufMetadata): number {
  const tokens = metadata.get('tokenizer.ggml.tokens');
  return Array.isArray(tokens) ? tokens.length : 0;
}

/** Typed look-ups under `<architecture>.`. */
export class KeyReader implements FieldReader {
  readonly format = 'gguf';
  readonly #where: string;
  readonly #metadata: GgufMetadata;
  readonly #prefix: string;

  constructor(where: string, metadata: GgufMetadata, prefix: string) {
    this.#where = where;
    this.#metadata = metadata;
    this.#prefix = prefix;
  }

  /** A number, or one number a layer when all are equal. */
  number(key: string, fallback?: number): number {
    const value = this.optional(key) ?? fallback;
    if (value !== undefined && Number.isFinite(value)) return value;
    const full = `${this.#prefix}.${key}`;
    const what = value === undefined ? 'is missing' : 'is not a number';
    throw configError(this.#where, `key ${full} ${what}`, { key: full });
  }

  optional(key: string): number | undefined {
    const full = `${this.#prefix}.${key}`;
    const value = this.#metadata.get(full);
    if (value === undefined) return undefined;
    const number = uniform(value);
    if (typeof number === 'number' && Number.isFinite(number)) return number;
    throw configError(this.#where, `key ${full} is not a number, or differs between layers`, {
      key: full,
    });
  }

  flag(key: string, fallback: boolean): boolean {
    const full = `${this.#prefix}.${key}`;
    const value = this.#metadata.get(full) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw configError(this.#where, `key ${full} is not true or false`, { key: full });
  }

  string(key: string, fallback: string): string {
    const full = `${this.#prefix}.${key}`;
    const value = this.#metadata.get(full) ?? fallback;
    if (typeof value === 'string') return value;
    throw configError(this.#where, `key ${full} is not a string`, { key: full });
  }

  /** One value a layer, or null. */
  list(key: string): readonly GgufValue[] | null {
    const value = this.#metadata.get(`${this.#prefix}.${key}`);
    return Array.isArray(value) ? (value as readonly GgufValue[]) : null;
  }
}

function uniform(value: GgufValue): GgufValue | undefined {
  if (!Array.isArray(value)) return value;
  const list = value as readonly GgufValue[];
  return list.every((item) => item === list[0]) ? list[0] : undefined;
}
