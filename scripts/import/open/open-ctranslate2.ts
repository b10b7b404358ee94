/** Opens a CTranslate2 folder (model.bin, whole or in parts, config.json, tokenizer.json) as a model. */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { familyFileNames, findFamily } from '../../../engine/archs/index.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile, joinedSource } from '../../../engine/formats/byte-source.ts';
import { readCtranslate2 } from '../../../engine/formats/ctranslate2.ts';
import type { Ctranslate2File } from '../../../engine/formats/ctranslate2.ts';
import type { JsonObject } from '../../../engine/formats/json.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { openFileSource } from '../../lib/file-source.ts';
import type { FileSource } from '../../lib/file-source.ts';
import { configError, openedRecogniser } from './opened-model.ts';
import type { OpenedModel } from './opened-model.ts';
import { missingFile, parseText, readJson, readText } from './open-safetensors.ts';
import { headPairs, ids, minAudioCtx, recognitionTokens } from './recognition-tokens.ts';

const MODEL_NAME = /^model\.bin(?:\.part(\d{1,3}))?$/;
/** Epsilon of LayerNorm in every Whisper; not in the file. */
const NORM_EPS = 1e-5;
/** Settings of the file, each with the one value that Whisper has. */
const EXPECTED: Readonly<Record<string, number>> = {
  'decoder/activation': 3,
  'decoder/alibi': 0,
  'decoder/pre_norm': 1,
  'decoder/scale_embeddings': 0,
};

/** Whether a file's name is that of CTranslate2 weights. */
export function isCtranslate2Name(name: string): boolean {
  return MODEL_NAME.test(name);
}

/** @throws {EngineError} what the reader throws; E_ARCH_UNKNOWN; E_SOURCE_UNAVAILABLE. */
export async function openCtranslate2(
  folder: string,
  open: AsyncDisposableStack,
): Promise<OpenedModel> {
  const files = await openParts(folder, open);
  const where = basename(folder);
  const file = await readCtranslate2(
    files.length === 1 ? files[0]! : joinedSource('model.bin', files),
  );
  const found = findFamily('ct2', file.spec);
  if (found === undefined)
    throw new EngineError(
      'E_ARCH_UNKNOWN',
      `${where}: CTranslate2 model of ${file.spec}; expected ${familyFileNames('ct2').join(', ')}. Only recognition models are read from CTranslate2.`,
      { details: { spec: file.spec } },
    );
  const text = await readText(folder, 'tokenizer.json');
  if (text === null) throw missingFile(folder, 'tokenizer.json');
  const config = configOf(
    file,
    await readJson(folder, 'config.json'),
    parseText('tokenizer.json', text),
  );
  return {
    ...openedRecogniser(found.family, `${where}: config.json`, config),
    format: 'ctranslate2',
    files,
    tensors: file.tensors,
    naming: 'ct2',
    wanted: new Set(),
    tokenizer: { json: text, addBos: false, bosId: null, eosIds: [config.tokens.endOfText] },
    name: where,
    licence: '',
    card: '',
  };
}

async function openParts(folder: string, open: AsyncDisposableStack): Promise<FileSource[]> {
  const names = (await readdir(folder)).filter(isCtranslate2Name);
  const partOf = (name: string): number => Number(MODEL_NAME.exec(name)?.[1] ?? 0);
  const sorted = names.sort((a, b) => partOf(a) - partOf(b));
  const isWhole = sorted[0] === 'model.bin';
  const parts = isWhole ? ['model.bin'] : sorted;
  parts.forEach((name, i) => {
    if (!isWhole && partOf(name) !== i + 1) throw missingFile(folder, `model.bin.part${i + 1}`);
  });
  if (parts.length === 0) throw missingFile(folder, 'model.bin');
  const files: FileSource[] = [];
  for (const part of parts) files.push(open.use(await openFileSource(join(folder, part))));
  return files;
}

function configOf(
  file: Ctranslate2File,
  json: JsonObject,
  tokenizer: JsonObject,
): RecognitionConfig {
  for (const [name, expected] of Object.entries(EXPECTED)) {
    const got = file.scalars.get(name);
    if (got !== undefined && got !== expected)
      throw configError('model.bin', `${name} ${got}; expected ${expected}`, { [name]: got });
  }
  const dims = dimsOf(file);
  const [nEmbd, nMels] = dims('encoder/conv1/weight', 3);
  const [nAudioCtx] = dims('encoder/position_encodings/encodings', 2);
  const [nTextCtx] = dims('decoder/position_encodings/encodings', 2);
  const [nVocab] = dims('decoder/embeddings/weight', 2);
  const [nFf] = dims('decoder/layer_0/ffn/linear_0/weight', 2);
  const nAudioLayer = layersOf(file, 'encoder');
  return {
    nMels: nMels!,
    nAudioCtx: nAudioCtx!,
    minAudioCtx: minAudioCtx(nAudioCtx!),
    nTextCtx: nTextCtx!,
    nEmbd: nEmbd!,
    nHead: file.scalars.get('decoder/num_heads') ?? 0,
    nFf: nFf!,
    nAudioLayer,
    nTextLayer: layersOf(file, 'decoder'),
    nVocab: nVocab!,
    normEps: NORM_EPS,
    ...recognitionTokens(tokenizer, nVocab!),
    suppress: ids(json['suppress_ids']),
    suppressFirst: ids(json['suppress_ids_begin']),
    alignmentHeads: headPairs(json['alignment_heads']),
  };
}

function dimsOf(file: Ctranslate2File): (name: string, rank: number) => readonly number[] {
  const byName = new Map(file.tensors.map((tensor) => [tensor.name, tensor.dims]));
  return (name, rank) => {
    const dims = byName.get(name);
    if (dims?.length === rank) return dims;
    throw invalidFile('model.bin', `has no ${name} of ${rank} dimensions`, "Whisper's tensors");
  };
}

function layersOf({ tensors }: Ctranslate2File, stack: string): number {
  const prefix = `${stack}/layer_`;
  const numbers = tensors
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name }) => Number.parseInt(name.slice(prefix.length), 10));
  // A norm without a number, 'layer_norm', comes first.
  return Math.max(-1, ...numbers.filter((n) => Number.isSafeInteger(n))) + 1;
}
