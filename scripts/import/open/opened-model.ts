/** What every kind of model file is opened as, before anything is written. */
import type {
  Architecture,
  EncoderFamily,
  Naming,
  RecognitionFamily,
  TowerFamily,
} from '../../../engine/archs/types.ts';
import { archTensors } from '../../../engine/archs/index.ts';
import type { TensorInstance } from '../../../engine/archs/index.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { configContradiction, modelConfigSchema } from '../../../engine/manifest/decoder-config.ts';
import {
  encoderConfigSchema,
  encoderContradiction,
} from '../../../engine/manifest/encoder-config.ts';
import type {
  EncoderConfig,
  KindFields,
  ModelConfig,
  RecommendedSampling,
} from '../../../engine/manifest/manifest.ts';
import {
  recognitionConfigSchema,
  recognitionContradiction,
} from '../../../engine/manifest/recognition-config.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { towerConfigSchema, towerContradiction } from '../../../engine/manifest/tower-config.ts';
import type { TowerConfig } from '../../../engine/manifest/tower-config.ts';
import type { Sight } from '../../../engine/manifest/sight.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import type { FileSource } from '../../lib/file-source.ts';
import { viewTensor } from './tensor-views.ts';
import type { z } from 'zod';

export interface OpenedTokenizer {
  /** The text of tokenizer.json. */
  readonly json: string;
  readonly addBos: boolean;
  readonly bosId: number | null;
  readonly eosIds: readonly number[];
}

/** What follows from the architecture and its config. */
export interface OpenedKind {
  readonly architecture: string;
  /** Goes into the manifest as it is. */
  readonly fields: KindFields;
  /** Every tensor such a model has or may have. */
  readonly instances: readonly TensorInstance[];
  /** Ids the embedding has rows for. */
  readonly nVocab: number;
}

export interface OpenedModel extends OpenedKind {
  readonly format: 'gguf' | 'safetensors' | 'llama2c' | 'ctranslate2' | 'ggml' | 'pytorch';
  readonly files: readonly FileSource[];
  readonly tensors: readonly SourceTensor[];
  /** Which of an architecture's names the file uses. */
  readonly naming: Naming;
  /** Optional tensors the config asks for (attention_bias), by our names. */
  readonly wanted: ReadonlySet<string>;
  /** Null for models that neither read nor write text. */
  readonly tokenizer: OpenedTokenizer | null;
  readonly name: string;
  readonly licence: string;
  readonly card: string;
  /** The tower that a text model sees through, where the file holds both. */
  readonly seen?: SeenModel;
}

/** What a text model's manifest says of its tower, but which model that is. */
export type TowerSight = Omit<Sight, 'tower' | 'towerSha256'>;

export interface SeenModel {
  readonly tower: OpenedModel;
  readonly sight: TowerSight;
}

/** A vision tower, as its files describe it. */
export interface OpenedTowerKind extends OpenedKind {
  readonly fields: Extract<KindFields, { readonly kind: 'tower' }>;
}

/** A text model, as its files describe it. */
export function openedDecoder(
  arch: Architecture,
  config: ModelConfig,
  chatTemplate: string | null,
  sampling?: RecommendedSampling,
): OpenedKind {
  return {
    architecture: arch.name,
    fields: {
      ...{ kind: 'decoder', config, chatTemplate },
      ...(sampling === undefined ? {} : { sampling }),
    },
    instances: archTensors(arch, config),
    nVocab: config.nVocab,
  };
}

/** A speech recogniser, as its files describe it. */
export function openedRecogniser(
  arch: RecognitionFamily,
  where: string,
  described: RecognitionConfig,
): OpenedKind {
  const config = checked(where, recognitionConfigSchema, described, recognitionContradiction);
  return {
    architecture: arch.name,
    fields: { kind: 'recognition', config },
    instances: archTensors(arch, config),
    nVocab: config.nVocab,
  };
}

/** An embedding model, as its files describe it. */
export function openedEncoder(
  arch: EncoderFamily,
  where: string,
  described: EncoderConfig,
): OpenedKind {
  const config = checked(where, encoderConfigSchema, described, encoderContradiction);
  return {
    architecture: arch.name,
    fields: { kind: 'encoder', config },
    instances: archTensors(arch, config),
    nVocab: config.nVocab,
  };
}

/** @throws {EngineError} E_FORMAT_INVALID for numbers that contradict each other */
export function openedTower(
  family: TowerFamily,
  where: string,
  described: TowerConfig,
): OpenedTowerKind {
  const config = checked(where, towerConfigSchema, described, towerContradiction);
  return {
    architecture: family.name,
    fields: { kind: 'tower', config },
    ...{ instances: archTensors(family, config), nVocab: 0 },
  };
}

/** Tensors a file may hold that are not weights: tables of rotary positions, causal masks. */
const NO_WEIGHTS =
  /^rope_(freqs|factors_(long|short))\.weight$|\brotary_emb\.inv_freq$|\battn\.(masked_)?bias$/;

export interface MatchedTensor {
  readonly instance: TensorInstance;
  readonly tensor: SourceTensor;
}

/**
 * Pairs every tensor of the architecture with the file's.
 * @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE, E_FORMAT_INVALID for tensors that nothing
 *   in the architecture would use: leaving them out would silently change the model.
 */
export function matchTensors(model: OpenedModel): MatchedTensor[] {
  const { naming } = model;
  const byName = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  if (byName.size < model.tensors.length)
    throw configError(model.name, 'two tensors have the same name', {});
  const used = new Set<string>();
  const matched: MatchedTensor[] = [];
  for (const instance of model.instances) {
    const place = instance.places[naming];
    const tensor = place && byName.get(place.name);
    if (place !== undefined) used.add(place.name);
    // A tied head that was stored nevertheless repeats the embedding.
    if (instance.isAlias) continue;
    if (tensor !== undefined) {
      matched.push({ instance, tensor: viewTensor(tensor, instance, place!) });
    } else if (instance.required || model.wanted.has(instance.name)) throw missing(model, instance);
  }
  checkOptional(model, matched);
  refuseUnexpected(
    model,
    [...byName.keys()].filter((name) => !used.has(name)),
  );
  return matched;
}

/** An optional tensor belongs to every layer or to none. */
function checkOptional(model: OpenedModel, matched: readonly MatchedTensor[]): void {
  const present = new Set(matched.map(({ instance }) => instance.name));
  const used = new Set(matched.map(({ instance }) => instance.spec.name));
  for (const instance of model.instances) {
    if (instance.layer !== null && used.has(instance.spec.name) && !present.has(instance.name))
      throw missing(model, instance);
  }
}

function refuseUnexpected(model: OpenedModel, names: readonly string[]): void {
  const unexpected = names.filter((name) => !NO_WEIGHTS.test(name));
  if (unexpected.length === 0) return;
  const shown = unexpected.slice(0, 4).join(', ');
  throw new EngineError(
    'E_FORMAT_INVALID',
    `${model.name}: ${unexpected.length} tensors have no place in architecture ${model.architecture}; ` +
      `expected only its own, got ${shown}. The model is of another architecture or has more layers ` +
      'than its config says.',
    { details: { unexpected: unexpected.slice(0, 20), architecture: model.architecture } },
  );
}

function missing(model: OpenedModel, instance: TensorInstance): EngineError {
  const name = instance.places[model.naming]?.name ?? instance.name;
  return new EngineError(
    'E_TENSOR_MISSING',
    `${model.name}: tensor ${name}; expected it in the file (${instance.name}, ` +
      `[${instance.shape.join(', ')}]), got none. The file is incomplete: fetch all of its parts.`,
    { details: { name, ours: instance.name, shape: instance.shape } },
  );
}

/** A config from a file's metadata, checked as the manifest will check it. */
export function checkConfig(where: string, config: unknown): ModelConfig {
  return checked(where, modelConfigSchema, config, configContradiction);
}

function checked<C>(
  where: string,
  schema: z.ZodType<C>,
  config: unknown,
  contradiction: (config: C) => string | null,
): C {
  const parsed = schema.safeParse(config);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    throw configError(where, `${field}: ${issue?.message ?? 'invalid'}`, { field });
  }
  const wrong = contradiction(parsed.data);
  if (wrong !== null) throw configError(where, wrong, {});
  return parsed.data;
}

export function configError(
  where: string,
  what: string,
  details: Readonly<Record<string, unknown>>,
): EngineError {
  return new EngineError(
    'E_FORMAT_INVALID',
    `${where}: config: ${what}. Use another file of this model.`,
    { details },
  );
}
