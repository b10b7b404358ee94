/**
 * PEFT's folder of an adapter: adapter_config.json and adapter_model.safetensors.
 * Format: huggingface.co/docs/peft/developer_guides/checkpoint; fields: peft/tuners/lora/config.py.
 */
import { EngineError } from '../base/errors.ts';
import type { ByteSource } from '../formats/byte-source.ts';
import { invalidFile } from '../formats/byte-source.ts';
import type { JsonObject, JsonValue } from '../formats/json.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { SourceTensor } from '../formats/source-tensor.ts';
import { archByName } from '../archs/index.ts';
import { adapterOf, checkRank, readActivation, unsupported } from './adapter.ts';
import type { Adapter, AdapterBase } from './adapter.ts';
import { readPairs, shown } from './read-pairs.ts';
import type { TensorPair } from './read-pairs.ts';
import { targetTable } from './targets.ts';
import type { TargetTable } from './targets.ts';

export const PEFT_CONFIG_FILE = 'adapter_config.json';
export const PEFT_WEIGHTS_FILE = 'adapter_model.safetensors';
export const PEFT_PREFIX = 'base_model.model.';
/** A module's two matrices, after the prefix. */
const PAIR_NAME = /^(.+)\.lora_(A|B)\.weight$/;
/** Names in rank_pattern and alpha_pattern: ends of module names. Regular expressions are not run. */
const PLAIN_PATTERN = /^\^?[\w.]{1,200}$/;
const MAX_PATTERNS = 10_000;

/** Initialisations that leave the base as it is; the others change its weights. */
const PLAIN_INITS: readonly unknown[] = [true, false, 'gaussian', 'eva', 'orthogonal'];

/** What a field must be; anything else asks for what nothing here does. */
interface FieldRule {
  readonly expected: string;
  readonly allows: (value: JsonValue) => boolean;
}
const NONE: FieldRule = { expected: 'none', allows: isNothing };
const OFF: FieldRule = { expected: 'false', allows: (value) => value === false };
const FIELD_RULES: Readonly<Record<string, FieldRule>> = {
  peft_type: { expected: '"LORA"', allows: (value) => value === 'LORA' },
  task_type: { expected: '"CAUSAL_LM"', allows: (value) => value === 'CAUSAL_LM' },
  bias: { expected: '"none"', allows: (value) => value === 'none' },
  init_lora_weights: {
    expected: 'an initialisation that leaves the base as it is',
    allows: (value) => PLAIN_INITS.includes(value),
  },
  modules_to_save: NONE,
  layer_replication: NONE,
  trainable_token_indices: NONE,
  target_parameters: NONE,
  arrow_config: NONE,
  kasa_config: NONE,
  monteclora_config: NONE,
  use_bdlora: NONE,
  use_dora: OFF,
  use_qalora: OFF,
  lora_bias: OFF,
};

function isNothing(value: JsonValue): boolean {
  return value === false || (Array.isArray(value) && value.length === 0) || isEmptyObject(value);
}

function isEmptyObject(value: JsonValue): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/**
 * @param config of adapter_config.json
 * @param weights adapter_model.safetensors
 * @throws {EngineError} E_ADAPTER_UNSUPPORTED naming the field or tensor, E_ADAPTER_BASE, E_TENSOR_MISSING for a
 *   matrix without its other half, E_TENSOR_SHAPE, E_FORMAT_MAGIC, E_FORMAT_INVALID, E_DTYPE_UNSUPPORTED
 */
export async function readPeft(
  config: JsonObject,
  weights: ByteSource,
  base: AdapterBase,
): Promise<Adapter> {
  if (config['peft_type'] === undefined)
    throw invalidFile(PEFT_CONFIG_FILE, 'peft_type is missing', '"LORA"');
  for (const [field, { expected, allows }] of Object.entries(FIELD_RULES)) {
    const value = config[field] ?? null;
    if (value !== null && !allows(value))
      throw unsupported(
        PEFT_CONFIG_FILE,
        `${field} is ${JSON.stringify(value).slice(0, 100)}`,
        expected,
        { field },
      );
  }
  const r = numberOf(config, 'r');
  checkRank(PEFT_CONFIG_FILE, r);
  const alpha = numberOf(config, 'lora_alpha');
  const scales = new Scales(config, r, alpha);
  const activation = readActivation(PEFT_CONFIG_FILE, config['alora_invocation_tokens'], base);
  const table = targetTable(base, 'hf');
  const tensors = await readSafetensors([weights]);
  const modules = pairTensors(weights.name, tensors, base, table);
  const pairs = await readPairs(weights.name, modules, table, (module, rank) =>
    scales.of(module, rank),
  );
  const name = config['base_model_name_or_path'];
  const baseName = typeof name === 'string' ? name.slice(0, 500) : null;
  return adapterOf(weights.name, pairs, { alpha, activation, baseName });
}

function numberOf(config: JsonObject, field: string): number {
  const value = config[field];
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw invalidFile(PEFT_CONFIG_FILE, `${field} is not a number above 0`, 'a number', {
    got: JSON.stringify(value ?? null).slice(0, 40),
  });
}

/** Factors of modules: alpha / rank, or alpha / sqrt(rank) (rank-stabilised). */
class Scales {
  readonly #rank: number;
  readonly #alpha: number;
  readonly #ranks: readonly (readonly [string, number])[];
  readonly #alphas: readonly (readonly [string, number])[];
  readonly #isStabilised: boolean;

  constructor(config: JsonObject, rank: number, alpha: number) {
    this.#rank = rank;
    this.#alpha = alpha;
    this.#ranks = patternOf(config, 'rank_pattern');
    this.#alphas = patternOf(config, 'alpha_pattern');
    this.#isStabilised = config['use_rslora'] === true;
  }

  /** @throws {EngineError} E_ADAPTER_UNSUPPORTED when the file's rank is not the config's */
  of(module: string, rank: number): number {
    const expected = find(this.#ranks, module) ?? this.#rank;
    if (rank !== expected)
      throw unsupported(
        PEFT_WEIGHTS_FILE,
        `${shown(module)} has rank ${rank}`,
        `${expected}, as ${PEFT_CONFIG_FILE} says`,
        { rank, expected },
      );
    const alpha = find(this.#alphas, module) ?? this.#alpha;
    return alpha / (this.#isStabilised ? Math.sqrt(rank) : rank);
  }
}

function find(pattern: readonly (readonly [string, number])[], module: string): number | undefined {
  return pattern.find(([key]) => module === key || module.endsWith(`.${key}`))?.[1];
}

function patternOf(config: JsonObject, field: string): readonly (readonly [string, number])[] {
  const value = config[field] ?? {};
  const entries = typeof value === 'object' ? Object.entries(value as JsonObject) : null;
  if (entries === null || entries.length > MAX_PATTERNS)
    throw invalidFile(PEFT_CONFIG_FILE, `${field} is not an object of numbers`, 'an object');
  return entries.map(([key, number]) => {
    if (!PLAIN_PATTERN.test(key) || typeof number !== 'number' || !(number > 0))
      throw unsupported(
        PEFT_CONFIG_FILE,
        `${field} has ${JSON.stringify(key.slice(0, 80))}`,
        'names of modules without regular expressions, with numbers above 0',
        { field },
      );
    // PEFT compares from the end of a module's name on, and `^` from its beginning.
    return [key.replace(/^\^/, ''), number] as const;
  });
}

function pairTensors(
  where: string,
  tensors: readonly SourceTensor[],
  { architecture }: AdapterBase,
  table: TargetTable,
): ReadonlyMap<string, TensorPair> {
  const { hfPrefix = '' } = archByName(architecture);
  const halves = new Map<string, Partial<Record<'A' | 'B', SourceTensor>>>();
  for (const tensor of tensors) {
    const [, module, half] = PAIR_NAME.exec(tensor.name.replace(PEFT_PREFIX, '')) ?? [];
    if (module === undefined)
      throw unsupported(
        where,
        `has tensor ${shown(tensor.name)}`,
        'only lora_A.weight and lora_B.weight',
        {
          tensor: shown(tensor.name),
        },
      );
    // Some writers put a prefix before every name.
    const isPrefixed = hfPrefix !== '' && !table.has(module) && module.startsWith(hfPrefix);
    const key = isPrefixed ? module.slice(hfPrefix.length) : module;
    halves.set(key, { ...halves.get(key), [half as 'A' | 'B']: tensor });
  }
  return completePairs(where, halves);
}

/** @throws {EngineError} E_TENSOR_MISSING for a matrix without its other half */
export function completePairs(
  where: string,
  halves: ReadonlyMap<string, Partial<Record<'A' | 'B', SourceTensor>>>,
): ReadonlyMap<string, TensorPair> {
  const pairs = [...halves].map(([module, { A: a, B: b }]) => {
    if (a !== undefined && b !== undefined) return [module, { a, b }] as const;
    throw new EngineError(
      'E_TENSOR_MISSING',
      `${where}: ${shown(module)} has lora_${a === undefined ? 'B' : 'A'} alone; expected lora_A and lora_B. ` +
        'The file is damaged: fetch it again.',
      { details: { module: shown(module) } },
    );
  });
  return new Map(pairs);
}
