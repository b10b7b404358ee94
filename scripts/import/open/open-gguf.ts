/** Opens a GGUF file, or all files of a split one, as a model. */
import { access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { familyOfFile, findPooledFamily } from '../../../engine/archs/index.ts';
import type { FamilyOf, FamilyRow, KindsOfFiles } from '../../../engine/archs/index.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { ggufSplitNames, readGguf } from '../../../engine/formats/gguf.ts';
import type { GgufMetadata } from '../../../engine/formats/gguf.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { tokenizerJsonFromGguf } from '../../../engine/text/tokenizer-json.ts';
import { openFileSource } from '../../lib/file-source.ts';
import type { FileSource } from '../../lib/file-source.ts';
import { configFromGguf } from './gguf-config.ts';
import { embedderTokenizer, encoderConfigFromGguf, statesPooling } from './open-encoder-gguf.ts';
import { openedDecoder, openedEncoder } from './opened-model.ts';
import type { OpenedKind, OpenedModel } from './opened-model.ts';

/** More rotary factors than any head has values. */
const MAX_ROPE_FACTORS = 1024;

/** @throws {EngineError} what the reader throws; E_ARCH_UNKNOWN; E_TOKENIZER_INVALID. */
export async function openGguf(path: string, open: AsyncDisposableStack): Promise<OpenedModel> {
  const files = await openParts(path, open);
  const where = basename(path);
  const { metadata, tensors } = await readGguf(files);
  const name = readText(metadata, 'general.architecture') ?? '';
  const row = familyRow(metadata, name);
  const kind = await openKind({ where, metadata, tensors }, row);
  const tokenizer = tokenizerJsonFromGguf(metadata);
  return {
    ...kind,
    format: 'gguf',
    files,
    tensors,
    naming: 'gguf',
    wanted: new Set(),
    tokenizer: row.kind === 'encoder' ? embedderTokenizer(metadata, tokenizer) : tokenizer,
    name: readText(metadata, 'general.name') ?? where.replace(/\.gguf$/, ''),
    licence: readText(metadata, 'general.license') ?? '',
    card: '',
  };
}

/** Files of some decoders are embedding models: they say how a text's vector is made. */
function familyRow(metadata: GgufMetadata, name: string): FamilyRow<GgufKind> {
  const pooled = statesPooling(metadata, name) ? findPooledFamily(name) : undefined;
  return pooled === undefined ? familyOfFile('gguf', name) : { kind: 'encoder', family: pooled };
}

interface GgufModel {
  readonly where: string;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly SourceTensor[];
}

type GgufKind = KindsOfFiles['gguf'];

/** How a file describes a model, by its kind. */
const OPENERS: {
  readonly [K in GgufKind]: (
    model: GgufModel,
    family: FamilyOf[K],
  ) => OpenedKind | Promise<OpenedKind>;
} = {
  async decoder({ where, metadata, tensors }, arch) {
    const short = await readRopeFactors(tensors, 'rope_factors_short.weight');
    const long = await readRopeFactors(tensors, 'rope_factors_long.weight');
    const config = configFromGguf(where, metadata, arch, {
      hasHead: tensors.some(({ name }) => name === 'output.weight'),
      ropeFactors: await readRopeFactors(tensors, 'rope_freqs.weight'),
      ...(short === null || long === null ? {} : { longRope: { short, long } }),
    });
    return openedDecoder(arch, config, readText(metadata, 'tokenizer.chat_template'));
  },
  encoder({ where, metadata, tensors }, family) {
    const rowsOf = (name: string): number | undefined => {
      const dims = tensors.find((tensor) => tensor.name === name)?.dims;
      // One row may be written as a vector.
      return dims?.length === 1 ? 1 : dims?.[0];
    };
    const config = encoderConfigFromGguf(where, metadata, family, {
      nTokenType: rowsOf('token_types.weight') ?? 0,
      nDense: rowsOf('dense_2.weight'),
      nClass: rowsOf('cls.output.weight'),
    });
    return openedEncoder(family, where, config);
  },
};

async function openKind<K extends GgufKind>(
  model: GgufModel,
  { kind, family }: FamilyRow<K>,
): Promise<OpenedKind> {
  return await OPENERS[kind](model, family);
}

async function openParts(path: string, open: AsyncDisposableStack): Promise<FileSource[]> {
  const names = ggufSplitNames(basename(path)) ?? [basename(path)];
  const paths = names.map((name) => join(dirname(path), name));
  for (const part of paths) {
    await access(part).catch((cause: unknown) => {
      throw new EngineError(
        'E_SOURCE_UNAVAILABLE',
        `${basename(part)}: part of a split model; expected all ${names.length} files in one folder, ` +
          'got no such file. Fetch the missing part.',
        { details: { names }, cause },
      );
    });
  }
  const files: FileSource[] = [];
  for (const part of paths) files.push(open.use(await openFileSource(part)));
  return files;
}

async function readRopeFactors(
  tensors: readonly SourceTensor[],
  wanted: string,
): Promise<number[] | null> {
  const tensor = tensors.find(({ name }) => name === wanted);
  if (tensor === undefined || tensor.bytes > MAX_ROPE_FACTORS * 4) return null;
  const bytes = await readRange(tensor.source, tensor.offset, tensor.bytes, tensor.name);
  return [...dequantize(tensor.dtype, bytes)];
}

function readText(metadata: GgufMetadata, key: string): string | null {
  const value = metadata.get(key);
  return typeof value === 'string' ? value : null;
}
