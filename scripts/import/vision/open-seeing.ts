/** A folder of a text model and its vision tower, as two opened models: which tensors are whose, and how they meet. */
import { findFamily } from '../../../engine/archs/index.ts';
import type { TowerFamily } from '../../../engine/archs/types.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import type { TowerConfig } from '../../../engine/manifest/tower-config.ts';
import { asObject } from '../open/hf-config.ts';
import { configError, openedTower } from '../open/opened-model.ts';
import type { OpenedKind, OpenedTokenizer, TowerSight } from '../open/opened-model.ts';
import type { Container, Part } from './containers.ts';
import { readConnector } from './read-connector.ts';
import { readNormalisation } from './read-preparation.ts';
import { sightOf } from './sight-of.ts';

const WHERE = 'config.json';

/** What transformers takes for fields that a vision_config leaves out. */
const VISION_DEFAULTS: Readonly<Record<string, JsonObject>> = {
  siglip_vision_model: {
    ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, patch_size: 16 },
    ...{ num_attention_heads: 12, image_size: 224, layer_norm_eps: 1e-6 },
    hidden_act: 'gelu_pytorch_tanh',
  },
  idefics3_vision: {
    ...{ hidden_size: 1152, intermediate_size: 3072, num_hidden_layers: 12, patch_size: 32 },
    ...{ num_attention_heads: 16, image_size: 224, layer_norm_eps: 1e-6 },
    hidden_act: 'gelu_pytorch_tanh',
  },
  clip_vision_model: {
    ...{ hidden_size: 768, intermediate_size: 3072, num_hidden_layers: 12, patch_size: 32 },
    ...{ num_attention_heads: 12, image_size: 224, layer_norm_eps: 1e-5 },
    hidden_act: 'quick_gelu',
  },
};
/** The same model under another name. */
const SAME_AS: Readonly<Record<string, string>> = {
  idefics3: 'idefics3_vision',
  smolvlm_vision: 'idefics3_vision',
};

/** And for a text_config. */
const TEXT_DEFAULTS: Readonly<Record<string, JsonObject>> = {
  llama: {
    ...{ hidden_size: 4096, intermediate_size: 11008, num_hidden_layers: 32, vocab_size: 32000 },
    ...{ num_attention_heads: 32, max_position_embeddings: 2048, rms_norm_eps: 1e-6 },
  },
};

const ACTIVATIONS: Readonly<Record<string, TowerConfig['ffn']>> = {
  gelu_pytorch_tanh: 'gelu-tanh',
  gelu_new: 'gelu-tanh',
  gelu: 'gelu-erf',
  quick_gelu: 'gelu-quick',
};

/** @throws {EngineError} E_FORMAT_INVALID without a text_config */
export function textConfigOf(config: JsonObject): JsonObject {
  const text = asObject(config['text_config']);
  if (text === null) throw configError(WHERE, 'text_config; expected an object', {});
  const modelType = text['model_type'] ?? 'llama';
  // The switch of the whole goes before that of its part, where it is on.
  const tied = config['tie_word_embeddings'] === true || text['tie_word_embeddings'] === true;
  const defaults = typeof modelType === 'string' ? TEXT_DEFAULTS[modelType] : undefined;
  return { ...defaults, ...text, model_type: modelType, tie_word_embeddings: tied };
}

/** The tensors of a part, under the names that a file of it alone has. What belongs to no part stays with the text. */
export function tensorsOf(
  container: Container,
  part: Part,
  tensors: readonly SourceTensor[],
): SourceTensor[] {
  return tensors.flatMap((tensor) => {
    const { name } = tensor;
    const renaming = container.renamings.find(([from]) => name.startsWith(from));
    if (renaming === undefined) return part === 'text' ? [tensor] : [];
    const [from, whose, to] = renaming;
    return whose === part ? [{ ...tensor, name: to + name.slice(from.length) }] : [];
  });
}

export interface SeenParts {
  readonly kind: OpenedKind;
  readonly tensors: readonly SourceTensor[];
  /** Optional tensors that the config asks for, by our names. */
  readonly wanted: ReadonlySet<string>;
  readonly sight: TowerSight;
}

export interface SeeingFiles {
  readonly config: JsonObject;
  /** preprocessor_config.json, or its part of processor_config.json. */
  readonly processor: JsonObject;
  readonly tensors: readonly SourceTensor[];
  readonly tokenizer: OpenedTokenizer;
  /** Width of the text model. */
  readonly nEmbd: number;
}

/** @throws {EngineError} E_FORMAT_INVALID naming the field; E_ARCH_UNKNOWN for a tower of another family */
export function openSeen(container: Container, files: SeeingFiles): SeenParts {
  const { config: json, processor, tokenizer, nEmbd } = files;
  const given = asObject(json['vision_config']) ?? {};
  const stated = textOr(given['model_type'], container.vision.modelType);
  const modelType = Object.hasOwn(SAME_AS, stated) ? SAME_AS[stated]! : stated;
  const family = towerFamily(modelType);
  const defaults = given['model_type'] === undefined ? container.vision.defaults : {};
  const fields = { ...VISION_DEFAULTS[modelType], ...defaults, ...withoutNulls(given) };
  const number = (field: string): number => {
    const value = fields[field];
    if (typeof value === 'number') return value;
    throw configError(WHERE, `vision_config.${field}; expected a number`, { field });
  };
  const act = textOr(fields['hidden_act'], '');
  const ffn = Object.hasOwn(ACTIVATIONS, act) ? ACTIVATIONS[act] : undefined;
  if (ffn === undefined) {
    const known = Object.keys(ACTIVATIONS).join(', ');
    throw configError(WHERE, `vision_config.hidden_act; expected one of ${known}`, {});
  }
  const [side, nAll] = [number('image_size'), number('num_hidden_layers')];
  const isFirst = family.tensors.some(({ name }) => name === 'firstRow');
  const { wanted, nLayer, outputNorm, connector } = readConnector(json, container.connector, {
    ...{ nAll, isFirst, nOut: nEmbd },
  });
  const kind = openedTower(family, WHERE, {
    ...{ side, patch: number('patch_size'), ...readNormalisation(processor) },
    ...{ nLayer, nEmbd: number('hidden_size'), nHead: number('num_attention_heads') },
    ...{ nFf: number('intermediate_size'), normEps: number('layer_norm_eps'), ffn },
    ...{ outputNorm, connector, preparation: container.readPreparation(processor, side) },
  });
  const { config } = kind.fields;
  const { imageIdFields } = container;
  const imageIdOf = (): number | undefined => {
    const id = imageIdFields.map((field) => json[field]).find((value) => value !== undefined);
    return typeof id === 'number' ? id : undefined;
  };
  const tensors = tensorsOf(container, 'tower', files.tensors);
  return {
    ...{ kind, wanted, sight: sightOf(container.frame, config, tokenizer, imageIdOf) },
    tensors: tensors.filter(({ name }) => !isUnused(name, { nLayer, nAll, outputNorm })),
  };
}

function towerFamily(modelType: string): TowerFamily {
  const found = findFamily('hf', modelType);
  if (found?.kind === 'tower') return found.family;
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `config.json: vision_config.model_type '${modelType.slice(0, 40)}' is not known; expected ${Object.keys(VISION_DEFAULTS).join(', ')}. Use another model.`,
    { details: { modelType } },
  );
}

/** Tensors that no row depends on: layers after the last that is run, heads of other uses. */
function isUnused(
  name: string,
  of: { readonly nLayer: number; readonly nAll: number; readonly outputNorm: boolean },
): boolean {
  if (/^(head\.|embeddings\.position_ids$)/.test(name)) return true;
  if (!of.outputNorm && name.startsWith('post_layernorm.')) return true;
  const layer = Number(/^encoder\.layers\.(\d{1,4})\./.exec(name)?.[1] ?? -1);
  return layer >= of.nLayer && layer < of.nAll;
}

function textOr(value: JsonValue | undefined, fallback: string): string {
  return typeof value === 'string' ? value : fallback;
}

function withoutNulls(json: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(json).filter(([, value]) => value !== null));
}
