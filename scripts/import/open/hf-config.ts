/**
 * config.json of a Hugging Face folder as a ModelConfig. Fields and defaults: the configuration
 * classes of transformers and its modeling_rope_utils.py.
 */
import type { Architecture, FieldReader } from '../../../engine/archs/types.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import type { ModelConfig, RopeScaling } from '../../../engine/manifest/manifest.ts';
import { configFromRows, periodic } from './config-fields.ts';
import type { LayerWindows } from './config-fields.ts';
import { yarnAttnFactor } from './gguf-config.ts';
import { checkConfig, configError } from './opened-model.ts';

/** transformers' names of our activations. */
const ACTIVATIONS: Record<Architecture['activation'], readonly string[]> = {
  silu: ['silu', 'swish'],
  gelu: ['gelu_pytorch_tanh', 'gelu_new', 'gelu_fast'],
};
const ACTIVATION_FIELDS = ['hidden_activation', 'hidden_act', 'activation_function'];

/** @throws {EngineError} E_FORMAT_INVALID naming the field. */
export function configFromHf(where: string, json: JsonObject, arch: Architecture): ModelConfig {
  checkActivation(where, json, arch);
  for (const field of arch.hfRefused ?? [])
    if ((json[field] ?? false) !== false)
      throw configError(where, `${field} ${shown(json[field])} is not supported in ${arch.name}`, {
        field,
      });
  const parameters = asObject(json['rope_parameters']) ?? {};
  // Files for layers of two kinds have parameters for each.
  const rope = asObject(parameters['full_attention']) ?? parameters;
  const localTheta = asObject(parameters['sliding_attention'])?.['rope_theta'];
  const local = localTheta === undefined ? {} : { rope_local_base_freq: localTheta };
  const fields = new JsonReader(where, { ...rope, ...local, ...withoutNulls(json) });
  const config = configFromRows(where, arch, fields, {
    nVocab: fields.number('vocab_size'),
    ropePairing: 'half',
    ropeDim: (headDim) => Math.floor(headDim * fields.number('partial_rotary_factor', 1)),
    ropeScaling: (nCtx) => {
      const scaling = asObject(json['rope_scaling']) ?? rope;
      return readScaling(where, new JsonReader(where, scaling), fields, nCtx);
    },
    tiedHead: fields.flag('tie_word_embeddings', arch.hfTiedHead ?? false),
    windows: (nLayer) => readWindows(where, fields, nLayer, arch.windowPeriod ?? 0),
  });
  const modalities = json[MODALITIES_FIELD];
  return modalities === undefined ? config : checkConfig(where, { ...config, modalities });
}

/** What a model that was trained here reads beside text; no field of transformers. */
export const MODALITIES_FIELD = 'thimble_modalities';

/** Optional tensors that switches of the config make required, by our names without the layer. */
export function switchedTensors(json: JsonObject, { hfSwitches = {} }: Architecture): string[] {
  return Object.entries(hfSwitches).flatMap(([field, names]) =>
    json[field] === true ? names : [],
  );
}

function checkActivation(where: string, json: JsonObject, { activation }: Architecture): void {
  const known = ACTIVATIONS[activation];
  const field = ACTIVATION_FIELDS.find((name) => (json[name] ?? null) !== null) ?? '';
  const got = json[field];
  if (got === undefined || (typeof got === 'string' && known.includes(got))) return;
  throw configError(where, `${field} ${shown(got)}; expected ${known.join(' or ')}`, { got });
}

function readWindows(
  where: string,
  fields: JsonReader,
  nLayer: number,
  period: number,
): LayerWindows | null {
  const nToken = fields.optional('sliding_window') ?? 0;
  if (nToken === 0 || !fields.flag('use_sliding_window', true)) return null;
  const types = fields.list('layer_types');
  if (types !== null) {
    if (types.length !== nLayer)
      throw configError(where, `layer_types names ${types.length} layers of ${nLayer}`, {});
    return { nToken, isLocal: (layer) => types[layer] === 'sliding_attention' };
  }
  const nFull = fields.optional('max_window_layers');
  if (nFull !== undefined) return { nToken, isLocal: (layer) => layer >= nFull };
  return { nToken, isLocal: periodic(fields.number('sliding_window_pattern', period)) };
}

function readScaling(
  where: string,
  rope: JsonReader,
  fields: JsonReader,
  nCtx: number,
): RopeScaling {
  const kind = rope.json['rope_type'] ?? rope.json['type'] ?? 'default';
  const read = typeof kind === 'string' ? SCALINGS.get(kind) : undefined;
  if (read !== undefined) {
    const original = fields.number('original_max_position_embeddings', nCtx);
    const originalCtx = rope.number('original_max_position_embeddings', original);
    return read(rope, originalCtx, nCtx);
  }
  const known = [...SCALINGS.keys()].join(', ');
  throw configError(where, `rope scaling ${shown(kind)}; expected one of ${known}`, { kind });
}

type ScalingReader = (rope: JsonReader, originalCtx: number, nCtx: number) => RopeScaling;

function readLongRope(rope: JsonReader, originalCtx: number, nCtx: number): RopeScaling {
  const stretch = nCtx / originalCtx;
  const paper = stretch > 1 ? Math.sqrt(1 + Math.log(stretch) / Math.log(originalCtx)) : 1;
  return {
    kind: 'longrope',
    short: rope.numbers('short_factor'),
    long: rope.numbers('long_factor'),
    originalCtx,
    attnFactor: rope.number('attention_factor', paper),
  };
}

function readYarn(rope: JsonReader, originalCtx: number): RopeScaling {
  const factor = rope.number('factor');
  return {
    kind: 'yarn',
    factor,
    originalCtx,
    betaFast: rope.number('beta_fast', 32),
    betaSlow: rope.number('beta_slow', 1),
    attnFactor: rope.number('attention_factor', yarnAttnFactor(factor)),
  };
}

const SCALINGS: ReadonlyMap<string, ScalingReader> = new Map<string, ScalingReader>([
  ['default', () => ({ kind: 'none' })],
  ['linear', (rope) => ({ kind: 'linear', factor: rope.number('factor') })],
  [
    'llama3',
    (rope, originalCtx) => ({
      kind: 'llama3',
      factor: rope.number('factor'),
      lowFreqFactor: rope.number('low_freq_factor'),
      highFreqFactor: rope.number('high_freq_factor'),
      originalCtx,
    }),
  ],
  ['yarn', readYarn],
  ['longrope', readLongRope],
  ['su', readLongRope],
]);

/** Typed look-ups; a field that is null is missing. */
class JsonReader implements FieldReader {
  readonly format = 'hf';
  readonly json: JsonObject;
  readonly #where: string;

  constructor(where: string, json: JsonObject) {
    this.#where = where;
    this.json = json;
  }

  number(key: string, fallback?: number): number {
    const value = this.optional(key) ?? fallback;
    if (value !== undefined && Number.isFinite(value)) return value;
    throw this.#wrong(key, 'a number');
  }

  optional(key: string): number | undefined {
    const value = this.json[key] ?? undefined;
    if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
    throw this.#wrong(key, 'a number');
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.json[key] ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.#wrong(key, 'true or false');
  }

  list(key: string): readonly JsonValue[] | null {
    const value = this.json[key];
    return Array.isArray(value) ? value : null;
  }

  numbers(key: string): number[] {
    const list = this.list(key) ?? [];
    const numbers = list.filter((x): x is number => typeof x === 'number' && Number.isFinite(x));
    if (numbers.length > 0 && numbers.length === list.length) return numbers;
    throw this.#wrong(key, 'a list of numbers');
  }

  #wrong(key: string, expected: string): Error {
    const got = shown(this.json[key]);
    return configError(this.#where, `${key}; expected ${expected}, got ${got}`, { key });
  }
}

function withoutNulls(json: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}

export function asObject(value: JsonValue | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}

function shown(value: JsonValue | undefined): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 60);
}
