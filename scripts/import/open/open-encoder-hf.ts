/**
 * An embedding model as sentence-transformers and transformers write it: config.json, the pooling's
 * config in a folder of its own, modules.json with what comes after it.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EncoderFamily } from '../../../engine/archs/types.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import type { EncoderConfig } from '../../../engine/manifest/manifest.ts';
import { classifierFromHf } from './classifier-hf.ts';
import { encoderPrompts } from './encoder-prompts.ts';
import { asObject } from './hf-config.ts';
import { readAddedTokens } from './hf-tokenizer.ts';
import { configError } from './opened-model.ts';
import type { OpenedTokenizer } from './opened-model.ts';

const NUMBERS = {
  nLayer: 'num_hidden_layers',
  nEmbd: 'hidden_size',
  nHead: 'num_attention_heads',
  nFf: 'intermediate_size',
  nVocab: 'vocab_size',
  nCtx: 'max_position_embeddings',
  nTokenType: 'type_vocab_size',
  normEps: 'layer_norm_eps',
} as const satisfies Partial<Record<keyof EncoderConfig, string>>;

const POOLINGS: readonly (readonly [string, EncoderConfig['pooling']])[] = [
  ['pooling_mode_mean_tokens', 'mean'],
  ['pooling_mode_cls_token', 'cls'],
  ['pooling_mode_lasttoken', 'last'],
];

/** The files beside config.json that say how vectors are made; {} for missing ones. */
export interface EncoderFiles {
  readonly config: JsonObject;
  readonly pooling: JsonObject;
  readonly sentenceBert: JsonObject;
  readonly sentenceTransformers: JsonObject;
  /** Types of the modules, in their order; null without modules.json. */
  readonly modules: readonly string[] | null;
  readonly name: string;
  /** Id of the token that ends a text, and a query before its passage. */
  readonly separatorId: number | undefined;
}

/** @throws {EngineError} E_FORMAT_INVALID naming the field: unsupported values are refused. */
export function encoderConfigFromHf(files: EncoderFiles, arch: EncoderFamily): EncoderConfig {
  const { config, modules } = files;
  const where = 'config.json';
  const number = (field: string): number => {
    const value = config[field];
    if (typeof value === 'number') return value;
    throw configError(where, `${field}: expected a number`, { field });
  };
  const only = (field: string, expected: string): void => {
    const got = config[field] ?? expected;
    if (got !== expected)
      throw configError(where, `${field}; expected ${expected} in ${arch.name}`, { field });
  };
  only('hidden_act', 'gelu');
  only('position_embedding_type', 'absolute');
  const entries = Object.entries(NUMBERS).map(([ours, field]) => [ours, number(field)]);
  const numbers = Object.fromEntries(entries) as Record<keyof typeof NUMBERS, number>;
  const longest = files.sentenceBert['max_seq_length'];
  const classifier = classifierFromHf(where, config, arch);
  const hasTypes = classifier !== null && numbers.nTokenType > 1;
  return {
    ...numbers,
    maxTokens: typeof longest === 'number' ? Math.min(longest, numbers.nCtx) : numbers.nCtx,
    pooling: classifier === null ? poolingOf(files.pooling) : 'rank',
    ...classifier,
    ...(hasTypes && files.separatorId !== undefined
      ? { secondTypeAfterId: files.separatorId }
      : {}),
    normalize: normalizes(modules),
    ...encoderPrompts(files.sentenceTransformers, files.name),
  };
}

/** The mean by default: most such models are trained with it. */
function poolingOf(json: JsonObject): EncoderConfig['pooling'] {
  const on = Object.entries(json).filter(
    ([key, value]) => /^pooling_mode_/.test(key) && value === true,
  );
  if (on.length === 0) return 'mean';
  const found = POOLINGS.find(([key]) => on.some(([name]) => name === key));
  if (found !== undefined && on.length === 1) return found[1];
  throw configError(
    '1_Pooling/config.json',
    `${on.map(([key]) => key).join(' and ')}; expected one of mean, cls and last tokens`,
    {},
  );
}

/** @throws {EngineError} E_FORMAT_INVALID for modules that would change vectors (dense layers). */
function normalizes(modules: readonly string[] | null): boolean {
  if (modules === null) return true;
  const kinds = modules.map((type) => type.split('.').at(-1) ?? '');
  const odd = kinds.find((kind) => !['Transformer', 'Pooling', 'Normalize'].includes(kind));
  if (odd !== undefined)
    throw configError('modules.json', `module ${odd.slice(0, 40)} is not supported`, { odd });
  return kinds.includes('Normalize');
}

export function moduleTypes(json: JsonValue): string[] {
  const rows = Array.isArray(json) ? json : [];
  return rows.flatMap((row) => {
    const type = asObject(row)?.['type'];
    return typeof type === 'string' ? [type] : [];
  });
}

/** The folder of the pooling's config: 1_Pooling in what sentence-transformers writes. */
export async function findPoolingFolder(folder: string): Promise<string | null> {
  const name = (await readdir(folder)).find((entry) => /^\d+_Pooling$/.test(entry));
  return name === undefined ? null : join(folder, name);
}

/**
 * [CLS] begins a text and [SEP] ends it.
 * @throws {EngineError} E_TOKENIZER_INVALID when the vocabulary lacks one of them.
 */
export function encoderTokenizer(text: string, json: JsonObject): OpenedTokenizer {
  const added = new Map(readAddedTokens(json).map(({ id, content }) => [content, id]));
  const vocab = asObject(asObject(json['model'])?.['vocab']) ?? {};
  const idOf = (...names: string[]): number => {
    for (const name of names) {
      const id = added.get(name) ?? (Object.hasOwn(vocab, name) ? vocab[name] : undefined);
      if (typeof id === 'number') return id;
    }
    throw new EngineError(
      'E_TOKENIZER_INVALID',
      `tokenizer.json: no token ${names.join(' or ')}; expected one that begins and one that ends a ` +
        'text. Give the tokenizer.json of this model.',
    );
  };
  return { json: text, addBos: true, bosId: idOf('[CLS]', '<s>'), eosIds: [idOf('[SEP]', '</s>')] };
}

export function nameOf(config: JsonObject, folder: string): string {
  const name = config['_name_or_path'];
  return typeof name === 'string' && name !== '' ? name : basename(folder);
}
