/** Opens a Hugging Face folder (config.json, tokenizer.json, safetensors) as a model. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { familyOfFile } from '../../../engine/archs/index.ts';
import type { FamilyKind, FamilyOf, FamilyRow } from '../../../engine/archs/index.ts';
import type {
  Architecture,
  EncoderFamily,
  RecognitionFamily,
  TowerFamily,
} from '../../../engine/archs/types.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile } from '../../../engine/formats/byte-source.ts';
import { parseJsonObject } from '../../../engine/formats/json.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import { kindTitle } from '../../../engine/manifest/manifest.ts';
import { readSafetensors, readSafetensorsIndex } from '../../../engine/formats/safetensors.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { isErrno } from '../../lib/lock.ts';
import {
  encoderConfigFromHf,
  encoderTokenizer,
  findPoolingFolder,
  moduleTypes,
  nameOf,
} from './open-encoder-hf.ts';
import { recognitionConfigFromHf } from './open-whisper-hf.ts';
import { openFileSource } from '../../lib/file-source.ts';
import type { FileSource } from '../../lib/file-source.ts';
import { asObject, configFromHf, switchedTensors } from './hf-config.ts';
import { samplingFromHf } from './hf-sampling.ts';
import { chatTemplateOf, tokenizerFromHf, withoutPictureTokens } from './hf-tokenizer.ts';
import { tokenizerJsonFromSentencePiece } from './sentence-piece-file.ts';
import { configError, openedDecoder, openedEncoder, openedRecogniser } from './opened-model.ts';
import type { OpenedModel } from './opened-model.ts';
import { findContainer } from '../vision/containers.ts';
import type { Container } from '../vision/containers.ts';
import { openSeen, tensorsOf, textConfigOf } from '../vision/open-seeing.ts';
import { PREPROCESSOR_NAME } from '../vision/read-preparation.ts';

const INDEX_NAME = 'model.safetensors.index.json';
const SENTENCE_PIECE_NAME = 'tokenizer.model';
const MAX_TEXT_FILE_BYTES = 64 * 1024 * 1024;
const MAX_CARD_CHARS = 1_000_000;

/** @throws {EngineError} what the readers throw; E_ARCH_UNKNOWN; E_SOURCE_UNAVAILABLE. */
export async function openSafetensors(
  folder: string,
  open: AsyncDisposableStack,
): Promise<OpenedModel> {
  const files = await openParts(folder, open);
  const config = await readJson(folder, 'config.json');
  const modelType = textOf(config['model_type']).slice(0, 40);
  const container = findContainer(modelType);
  if (container !== undefined) return await openSeeing({ folder, files, config }, container);
  return await openFamily({ folder, files, config }, familyOfFile('hf', modelType));
}

interface HfFolder {
  readonly folder: string;
  readonly files: readonly FileSource[];
  readonly config: JsonObject;
  /** The tensors of a model that has only some of the files'. */
  readonly tensors?: readonly SourceTensor[];
}

/** How a folder describes a model, by its kind. */
const OPENERS: {
  readonly [K in FamilyKind]: (hf: HfFolder, family: FamilyOf[K]) => Promise<OpenedModel>;
} = {
  decoder: openDecoder,
  encoder: openEncoder,
  recognition: openRecogniser,
  tower: refuseTower,
};

async function openFamily<K extends FamilyKind>(
  hf: HfFolder,
  { kind, family }: FamilyRow<K>,
): Promise<OpenedModel> {
  return await OPENERS[kind](hf, family);
}

/** What a folder says of a model of any kind. */
async function aboutFolder({ folder, files, config }: HfFolder) {
  const card = (await readText(folder, 'README.md')) ?? '';
  return {
    format: 'safetensors',
    naming: 'hf',
    files,
    name: nameOf(config, folder),
    licence: licenceOf(card),
    card: card.slice(0, MAX_CARD_CHARS),
  } as const;
}

async function openDecoder(hf: HfFolder, arch: Architecture): Promise<OpenedModel> {
  const { folder, files, config } = hf;
  const modelConfig = configFromHf('config.json', config, arch);
  const tokenizerConfig = (await readOptionalJson(folder, 'tokenizer_config.json')) ?? {};
  const text =
    (await readText(folder, 'tokenizer.json')) ??
    (await sentencePieceText(folder, tokenizerConfig)) ??
    (await requireText(folder, 'tokenizer.json'));
  const tokenizer = parseText('tokenizer.json', text);
  const layers = Array.from({ length: modelConfig.nLayer }, (_, i) => i);
  const chatTemplate =
    (await readText(folder, 'chat_template.jinja')) ??
    chatTemplateOf((await readOptionalJson(folder, 'chat_template.json')) ?? {}) ??
    chatTemplateOf(tokenizerConfig);
  const generationConfig = (await readOptionalJson(folder, 'generation_config.json')) ?? {};
  return {
    ...openedDecoder(arch, modelConfig, chatTemplate, samplingFromHf(generationConfig)),
    ...(await aboutFolder(hf)),
    tensors: (hf.tensors ?? (await readSafetensors(files))).map((tensor) =>
      withoutPrefix(tensor, arch),
    ),
    wanted: new Set(
      switchedTensors(config, arch).flatMap((name) => layers.map((i) => `layers.${i}.${name}`)),
    ),
    tokenizer: tokenizerFromHf({
      text: withoutPictureTokens(text, tokenizer, modelConfig.nVocab),
      tokenizer,
      tokenizerConfig,
      config,
      generationConfig,
    }),
  };
}

/** A text model and the tower that it sees through. */
async function openSeeing(hf: HfFolder, container: Container): Promise<OpenedModel> {
  const { folder, files, config } = hf;
  const tensors = await readSafetensors(files);
  const text = textConfigOf(config);
  const modelType = textOf(text['model_type']).slice(0, 40);
  const { kind, family } = familyOfFile('hf', modelType);
  if (kind !== 'decoder')
    throw configError('config.json', `text_config: ${kindTitle(kind)}; expected a text model`, {});
  const opened = await openDecoder(
    { folder, files, config: text, tensors: tensorsOf(container, 'text', tensors) },
    family,
  );
  const { fields, tokenizer } = opened;
  if (fields.kind !== 'decoder' || fields.config.embeddingScale !== undefined)
    throw configError('config.json', `text_config: ${modelType} scales its embeddings`, {});
  const seen = openSeen(container, {
    ...{ config, tensors, tokenizer: tokenizer!, nEmbd: fields.config.nEmbd },
    processor: await readProcessor(folder),
  });
  const tower: OpenedModel = {
    ...seen.kind,
    ...(await aboutFolder(hf)),
    ...{ tensors: seen.tensors, wanted: seen.wanted, tokenizer: null },
  };
  return { ...opened, seen: { tower, sight: seen.sight } };
}

/** How pictures are prepared: newer writers have it inside of the whole processor's file. */
async function readProcessor(folder: string): Promise<JsonObject> {
  const own = await readOptionalJson(folder, PREPROCESSOR_NAME);
  if (own !== null) return own;
  const whole = await readOptionalJson(folder, 'processor_config.json');
  const part = asObject(whole?.['image_processor'] ?? undefined);
  if (part === null) throw missingFile(folder, PREPROCESSOR_NAME);
  return part;
}

function refuseTower({ folder }: HfFolder, { name }: TowerFamily): Promise<OpenedModel> {
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `${basename(folder)}: a vision tower (${name}) without the text model that reads it. Import the folder of the whole model.`,
    { details: { name } },
  );
}

async function openEncoder(hf: HfFolder, arch: EncoderFamily): Promise<OpenedModel> {
  const { folder, files, config: json } = hf;
  const text = await requireText(folder, 'tokenizer.json');
  const optional = async (name: string) => (await readOptionalJson(folder, name)) ?? {};
  const poolingFolder = await findPoolingFolder(folder);
  const modules = await readText(folder, 'modules.json');
  const tokenizer = encoderTokenizer(text, parseText('tokenizer.json', text));
  const config = encoderConfigFromHf(
    {
      config: json,
      separatorId: tokenizer.eosIds[0],
      pooling:
        poolingFolder === null
          ? {}
          : ((await readOptionalJson(poolingFolder, 'config.json')) ?? {}),
      sentenceBert: await optional('sentence_bert_config.json'),
      sentenceTransformers: await optional('config_sentence_transformers.json'),
      modules: modules === null ? null : moduleTypes(parseList('modules.json', modules)),
      name: nameOf(json, folder),
    },
    arch,
  );
  const ofClassifiers = config.pooling === 'rank' ? undefined : arch.ofClassifiers;
  const names = [arch.unused, ...(ofClassifiers === undefined ? [] : [ofClassifiers])];
  const unused = new RegExp(
    `^(${(arch.hfPrefix ?? '').replace('.', '\\.')})?(${names.map(({ source }) => source).join('|')})`,
  );
  const tensors = await readSafetensors(files, unused);
  return {
    ...openedEncoder(arch, 'config.json', config),
    ...(await aboutFolder(hf)),
    tensors: tensors.map((tensor) => withoutPrefix(tensor, arch)),
    wanted: new Set(),
    tokenizer,
  };
}

async function openRecogniser(hf: HfFolder, family: RecognitionFamily): Promise<OpenedModel> {
  const { folder, files, config: json } = hf;
  const text = await requireText(folder, 'tokenizer.json');
  const generation = (await readOptionalJson(folder, 'generation_config.json')) ?? {};
  const config = recognitionConfigFromHf(json, generation, parseText('tokenizer.json', text));
  return {
    ...openedRecogniser(family, 'config.json', config),
    ...(await aboutFolder(hf)),
    // Some writers store the head, which repeats the embedding.
    tensors: (await readSafetensors(files)).filter(({ name }) => name !== 'proj_out.weight'),
    wanted: new Set(),
    tokenizer: { json: text, addBos: false, bosId: null, eosIds: [config.tokens.endOfText] },
  };
}

/** The tokenizer.json of a folder that has only SentencePiece's file; null when it has none. */
async function sentencePieceText(
  folder: string,
  tokenizerConfig: JsonObject,
): Promise<string | null> {
  const path = join(folder, SENTENCE_PIECE_NAME);
  const info = await stat(path).catch(() => null);
  if (info === null) return null;
  if (info.size > MAX_TEXT_FILE_BYTES)
    throw invalidFile(SENTENCE_PIECE_NAME, 'is too long', `at most ${MAX_TEXT_FILE_BYTES} bytes`, {
      bytes: info.size,
    });
  const addedTokens = (await readOptionalJson(folder, 'added_tokens.json')) ?? {};
  return tokenizerJsonFromSentencePiece(await readFile(path), tokenizerConfig, addedTokens);
}

function withoutPrefix(
  tensor: SourceTensor,
  { hfPrefix = '' }: Pick<Architecture, 'hfPrefix'>,
): SourceTensor {
  const { name } = tensor;
  return name.startsWith(hfPrefix) ? { ...tensor, name: name.slice(hfPrefix.length) } : tensor;
}

async function openParts(folder: string, open: AsyncDisposableStack): Promise<FileSource[]> {
  const names = await readdir(folder);
  let parts = names.filter((name) => name.endsWith('.safetensors'));
  if (names.includes(INDEX_NAME)) {
    await using index = await openFileSource(join(folder, INDEX_NAME));
    parts = await readSafetensorsIndex(index);
  } else if (parts.length !== 1) {
    throw new EngineError(
      'E_FORMAT_INVALID',
      `${basename(folder)}: expected one .safetensors file or a ${INDEX_NAME}, got ${parts.length} files. ` +
        'Fetch the index too, or remove the other files.',
      { details: { parts } },
    );
  }
  for (const part of parts) if (!names.includes(part)) throw missingFile(folder, part);
  const files: FileSource[] = [];
  for (const part of parts) files.push(open.use(await openFileSource(join(folder, part))));
  return files;
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** The licence a model card names in its front matter. */
function licenceOf(card: string): string {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card.slice(0, 20_000))?.[1] ?? '';
  return (/^license:[ \t]*["']?([\w.+-]{1,80})/m.exec(front)?.[1] ?? '').trim();
}

export async function readJson(folder: string, name: string): Promise<JsonObject> {
  const json = await readOptionalJson(folder, name);
  if (json === null) throw missingFile(folder, name);
  return json;
}

async function readOptionalJson(folder: string, name: string): Promise<JsonObject | null> {
  const text = await readText(folder, name);
  return text === null ? null : parseText(name, text);
}

/** A JSON text whose outermost value is a list. */
function parseList(name: string, text: string): JsonValue {
  return parseJsonObject(name, new TextEncoder().encode(`{"list":${text}}`))['list'] ?? null;
}

export function parseText(name: string, text: string): JsonObject {
  return parseJsonObject(name, new TextEncoder().encode(text));
}

async function requireText(folder: string, name: string): Promise<string> {
  const text = await readText(folder, name);
  if (text === null) throw missingFile(folder, name);
  return text;
}

export async function readText(folder: string, name: string): Promise<string | null> {
  const path = join(folder, name);
  try {
    const { size } = await stat(path);
    if (size > MAX_TEXT_FILE_BYTES)
      throw new EngineError(
        'E_FORMAT_INVALID',
        `${name}: too long; expected at most ${MAX_TEXT_FILE_BYTES} bytes, got ${size}. Fetch it again.`,
      );
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

export function missingFile(folder: string, name: string): EngineError {
  return new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `${basename(folder)}: ${name} is missing; expected it in the model's folder. Fetch it too.`,
    { details: { folder, name } },
  );
}
