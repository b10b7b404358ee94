/**
 * Reads safetensors headers, of one file or of the several files an index names.
 * Knows no architecture and no weights. Spec: github.com/huggingface/safetensors#format:
 * u64 header length, JSON header {name: {dtype, shape, data_offsets}}, data.
 */
import { EngineError } from '../base/errors.ts';
import { invalidFile, readRange } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { parseJsonObject } from './json.ts';
import type { JsonObject } from './json.ts';
import { unsupportedDtype } from './source-dtypes.ts';
import type { SourceDtype } from './source-dtypes.ts';
import {
  checkTensorPlaces,
  MAX_TENSOR_NAME_BYTES,
  MAX_TENSORS,
  tensorBytes,
} from './source-tensor.ts';
import type { SourceTensor } from './source-tensor.ts';

const PREFIX_BYTES = 8;
/** MAX_TENSORS entries of about 150 bytes, twice. */
const MAX_HEADER_BYTES = 32 * 1024 * 1024;
const MAX_INDEX_BYTES = 32 * 1024 * 1024;
const DTYPES: Readonly<Record<string, SourceDtype>> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };

/**
 * The tensors of all given files together, without those that `unused` names (buffers of other types).
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_INVALID, E_DTYPE_UNSUPPORTED
 */
export async function readSafetensors(
  sources: readonly ByteSource[],
  unused: RegExp | null = null,
): Promise<SourceTensor[]> {
  const tensors: SourceTensor[] = [];
  for (const source of sources) tensors.push(...(await readSafetensorsPart(source, unused)));
  if (tensors.length > MAX_TENSORS)
    throw invalidFile('safetensors', 'too many tensors', `at most ${MAX_TENSORS}`, {
      tensors: tensors.length,
    });
  checkTensorPlaces(tensors);
  return tensors;
}

/**
 * The texts a file has under `__metadata__`, if any.
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_INVALID
 */
export async function readSafetensorsMetadata(
  source: ByteSource,
): Promise<ReadonlyMap<string, string>> {
  const { json } = await readHeader(source);
  const entries = Object.entries((json['__metadata__'] ?? {}) as JsonObject);
  return new Map(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/**
 * File names of a `model.safetensors.index.json`, each once, in order of their names.
 * @throws {EngineError} E_FORMAT_INVALID for names that leave the folder.
 */
export async function readSafetensorsIndex(source: ByteSource): Promise<string[]> {
  if (source.bytes > MAX_INDEX_BYTES)
    throw invalidFile(source.name, 'index is too long', `at most ${MAX_INDEX_BYTES} bytes`, {
      bytes: source.bytes,
    });
  const index = parseJsonObject(source.name, await readRange(source, 0, source.bytes, 'the index'));
  const map = index['weight_map'];
  if (typeof map !== 'object' || map === null || Array.isArray(map))
    throw invalidFile(source.name, 'has no weight_map', 'an object of tensor names to file names');
  const names = new Set<string>();
  for (const name of Object.values(map)) {
    if (typeof name !== 'string' || !/^[\w][\w.-]{0,200}\.safetensors$/.test(name))
      throw invalidFile(
        source.name,
        'names an unexpected file',
        'a .safetensors file of the same folder',
        {
          name: JSON.stringify(name).slice(0, 80),
        },
      );
    names.add(name);
  }
  if (names.size === 0) throw invalidFile(source.name, 'weight_map is empty', 'at least one file');
  return [...names].sort();
}

async function readSafetensorsPart(
  source: ByteSource,
  unused: RegExp | null,
): Promise<SourceTensor[]> {
  const header = await readHeader(source);
  const dataStart = PREFIX_BYTES + header.bytes;
  const tensors: SourceTensor[] = [];
  for (const [name, entry] of Object.entries(header.json)) {
    if (name !== '__metadata__' && unused?.test(name) !== true)
      tensors.push(readEntry(source, name, entry, dataStart));
  }
  return tensors;
}

async function readHeader(source: ByteSource): Promise<{ bytes: number; json: JsonObject }> {
  if (source.bytes < PREFIX_BYTES + 2) throw notSafetensors(source);
  const prefix = await readRange(source, 0, PREFIX_BYTES + 1, 'the header length');
  const claimed = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (prefix[PREFIX_BYTES] !== 0x7b) throw notSafetensors(source);
  const most = Math.min(MAX_HEADER_BYTES, source.bytes - PREFIX_BYTES);
  if (claimed > BigInt(most))
    throw invalidFile(source.name, 'header is too long', `at most ${most} bytes`, { claimed });
  const bytes = Number(claimed);
  const data = await readRange(source, PREFIX_BYTES, bytes, 'the header');
  return {
    bytes,
    json: parseJsonObject(`${source.name}: header`, data, { noDuplicateKeys: true }),
  };
}

function notSafetensors(source: ByteSource): EngineError {
  return new EngineError(
    'E_FORMAT_MAGIC',
    `${source.name}: not a safetensors file; expected a header length and a JSON header. ` +
      'Give a .safetensors file.',
  );
}

function readEntry(
  source: ByteSource,
  name: string,
  entry: unknown,
  dataStart: number,
): SourceTensor {
  const where = `${source.name}: tensor ${name.slice(0, 80)}`;
  if (name.length === 0 || name.length > MAX_TENSOR_NAME_BYTES)
    throw invalidFile(where, 'impossible name', `1 to ${MAX_TENSOR_NAME_BYTES} characters`, {
      length: name.length,
    });
  const { dtype: claimed, shape, data_offsets: offsets } = (entry ?? {}) as JsonObject;
  const dtypeName = typeof claimed === 'string' ? claimed : '';
  const dtype = Object.hasOwn(DTYPES, dtypeName) ? DTYPES[dtypeName] : undefined;
  if (dtype === undefined)
    throw unsupportedDtype(dtypeName.slice(0, 20) || 'none', where, Object.keys(DTYPES));
  if (!isNumbers(shape) || !isNumbers(offsets) || offsets.length !== 2)
    throw invalidFile(where, 'broken entry', 'a shape and two data_offsets');
  // A scalar has no dimensions; nothing here needs one, but it is no reason to refuse a file.
  const bytes = tensorBytes(where, dtype, shape.length === 0 ? [1] : shape);
  const [begin = -1, end = -1] = offsets;
  if (!Number.isSafeInteger(begin) || begin < 0 || end - begin !== bytes)
    throw invalidFile(where, 'data_offsets do not fit the shape', `${bytes} bytes`, { begin, end });
  return { name, dtype, dims: shape, source, offset: dataStart + begin, bytes };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length <= 16 && value.every((n) => typeof n === 'number');
}
