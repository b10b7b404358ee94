/**
 * Reads GGUF files, versions 2 and 3, little endian, whole or split: metadata and tensor places.
 * Knows no architecture and no weights. Every count, length and offset is hostile until checked.
 * Spec: github.com/ggml-org/ggml/blob/master/docs/gguf.md; splits: llama.cpp tools/gguf-split.
 */
import { EngineError } from '../base/errors.ts';
import { ByteCursor, invalidFile } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { SOURCE_DTYPE_NAMES, sourceDtypeByGgmlId, unsupportedDtype } from './source-dtypes.ts';
import {
  checkTensorPlaces,
  MAX_TENSOR_DIMS,
  MAX_TENSOR_NAME_BYTES,
  MAX_TENSORS,
  tensorBytes,
} from './source-tensor.ts';
import type { SourceTensor } from './source-tensor.ts';

/** 64-bit integers are numbers when exact, else bigint. Arrays are plain, possibly nested. */
export type GgufValue = number | bigint | boolean | string | readonly GgufValue[];
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

export interface GgufFile {
  readonly version: number;
  readonly metadata: GgufMetadata;
  readonly tensors: readonly SourceTensor[];
}

const MAGIC = 0x46554747;
const VERSIONS = [2, 3];
const DEFAULT_ALIGNMENT = 32;
const MAX_ALIGNMENT = 1 << 20;
const MAX_METADATA_KEYS = 65_536;
const MAX_KEY_BYTES = 65_535;
const MAX_STRING_BYTES = 16 * 1024 * 1024;
/** Array items of a whole file; the largest vocabularies have 0.3 M tokens and as many merges. */
const MAX_METADATA_ITEMS = 4_000_000;
const MAX_ARRAY_DEPTH = 3;
/** A tensor's least entry: name length, one byte of name, rank, one dimension, type, offset. */
const MIN_TENSOR_ENTRY_BYTES = 8 + 1 + 4 + 8 + 4 + 8;

interface ScalarType {
  readonly bytes: number;
  readonly read: (cursor: ByteCursor) => number | bigint | boolean;
}
/** `gguf_metadata_value_type` by number; 8 is a string and 9 an array. */
const SCALAR_TYPES: Readonly<Record<number, ScalarType>> = {
  0: { bytes: 1, read: (c) => c.u8() },
  1: { bytes: 1, read: (c) => c.i8() },
  2: { bytes: 2, read: (c) => c.u16() },
  3: { bytes: 2, read: (c) => c.i16() },
  4: { bytes: 4, read: (c) => c.u32() },
  5: { bytes: 4, read: (c) => c.i32() },
  6: { bytes: 4, read: (c) => c.f32() },
  7: { bytes: 1, read: (c) => c.u8() !== 0 },
  10: { bytes: 8, read: (c) => narrow(c.u64()) },
  11: { bytes: 8, read: (c) => narrow(c.i64()) },
  12: { bytes: 8, read: (c) => c.f64() },
};
const TYPE_STRING = 8;
const TYPE_ARRAY = 9;

// Tokens may begin with U+FEFF; a decoder that drops it would merge two tokens.
const utf8 = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

/**
 * Reads one GGUF model, given as its file or as all files of its split in order.
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_VERSION, E_FORMAT_INVALID, E_DTYPE_UNSUPPORTED
 */
export async function readGguf(sources: readonly ByteSource[]): Promise<GgufFile> {
  const parts: GgufFile[] = [];
  for (const source of sources) parts.push(await readGgufPart(source));
  const first = parts[0];
  if (first === undefined) throw invalidFile('gguf', 'no file was given', 'at least one file');
  checkSplit(sources, parts);
  const tensors = parts.flatMap((part) => part.tensors);
  checkTensorPlaces(tensors);
  return { version: first.version, metadata: first.metadata, tensors };
}

const SPLIT_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/;

/** The names of all files of the split that `fileName` belongs to; null when it is whole. */
export function ggufSplitNames(fileName: string): string[] | null {
  const match = SPLIT_NAME.exec(fileName);
  if (match === null) return null;
  const count = Number(match[3]);
  if (count < 1 || count > 9999) return null;
  const pad = (n: number) => String(n).padStart(5, '0');
  return Array.from({ length: count }, (_, i) => `${match[1]}-${pad(i + 1)}-of-${pad(count)}.gguf`);
}

function checkSplit(sources: readonly ByteSource[], parts: readonly GgufFile[]): void {
  for (const [index, part] of parts.entries()) {
    const name = sources[index]?.name ?? '';
    const count = part.metadata.get('split.count') ?? 1;
    const no = part.metadata.get('split.no') ?? 0;
    // A count of 0 is what gguf-split leaves in a merged file.
    if (count === 0 && parts.length === 1) continue;
    if (count !== parts.length)
      throw invalidFile(name, 'is one file of a split model', `all ${String(count)} files of it`, {
        files: parts.length,
      });
    if (no !== index)
      throw invalidFile(name, 'has the wrong place in its split', `number ${index}`, { no });
  }
  const total = parts[0]?.metadata.get('split.tensors.count');
  const found = parts.reduce((sum, part) => sum + part.tensors.length, 0);
  if (parts.length > 1 && total !== undefined && total !== found)
    throw invalidFile(sources[0]?.name ?? '', 'split lacks tensors', `${String(total)} tensors`, {
      found,
    });
}

async function readGgufPart(source: ByteSource): Promise<GgufFile> {
  const cursor = new ByteCursor(source);
  const version = await readVersion(cursor);
  await cursor.need(16, 'the header');
  const nTensor = checkCount(cursor, cursor.u64(), MAX_TENSORS, MIN_TENSOR_ENTRY_BYTES, 'tensors');
  const nKey = checkCount(cursor, cursor.u64(), MAX_METADATA_KEYS, 8 + 4 + 1, 'metadata keys');
  const metadata = await readMetadata(cursor, nKey);
  const entries: TensorEntry[] = [];
  for (let i = 0; i < nTensor; i++) entries.push(await readTensorEntry(cursor));
  const tensors = placeTensors(source, entries, cursor.offset, readAlignment(source, metadata));
  refuseOtherQ2(source, tensors);
  return { version, metadata, tensors };
}

async function readVersion(cursor: ByteCursor): Promise<number> {
  const { source } = cursor;
  if (source.bytes < 24 || (await cursor.need(8, 'the magic'), cursor.u32()) !== MAGIC)
    throw new EngineError(
      'E_FORMAT_MAGIC',
      `${source.name}: not a GGUF file; expected the letters GGUF first. Give a .gguf file.`,
    );
  const version = cursor.u32();
  if (VERSIONS.includes(version)) return version;
  // Version 3 read with the bytes the other way round.
  const what = (version & 0xffff) === 0 ? 'the file is big endian' : `version ${version}`;
  throw new EngineError(
    'E_FORMAT_VERSION',
    `${source.name}: ${what}; expected little endian GGUF of version ${VERSIONS.join(' or ')}. ` +
      'Convert the model again with a current llama.cpp, or use another copy of it.',
    { details: { version } },
  );
}

async function readMetadata(cursor: ByteCursor, nKey: number): Promise<Map<string, GgufValue>> {
  const metadata = new Map<string, GgufValue>();
  const budget = { items: MAX_METADATA_ITEMS };
  for (let i = 0; i < nKey; i++) {
    const key = await readString(cursor, MAX_KEY_BYTES, 'a metadata key');
    if (metadata.has(key))
      throw invalidFile(cursor.source.name, `key ${shown(key)} is listed twice`, 'once');
    const what = `metadata ${shown(key)}`;
    await cursor.need(4, what);
    metadata.set(key, await readValue(cursor, cursor.u32(), budget, 0, what));
  }
  return metadata;
}

async function readValue(
  cursor: ByteCursor,
  type: number,
  budget: { items: number },
  depth: number,
  what: string,
): Promise<GgufValue> {
  const scalar = SCALAR_TYPES[type];
  if (scalar !== undefined) {
    await cursor.need(scalar.bytes, what);
    return scalar.read(cursor);
  }
  if (type === TYPE_STRING) return readString(cursor, MAX_STRING_BYTES, what);
  if (type !== TYPE_ARRAY || depth >= MAX_ARRAY_DEPTH)
    throw invalidFile(cursor.source.name, `${what} has an unknown type`, 'a type of 0 to 12', {
      type,
      depth,
    });
  return readArray(cursor, budget, depth, what);
}

async function readArray(
  cursor: ByteCursor,
  budget: { items: number },
  depth: number,
  what: string,
): Promise<readonly GgufValue[]> {
  await cursor.need(12, what);
  const itemType = cursor.u32();
  const scalar = SCALAR_TYPES[itemType];
  const itemBytes = scalar?.bytes ?? (itemType === TYPE_ARRAY ? 12 : 8);
  const count = checkCount(cursor, cursor.u64(), budget.items, itemBytes, `items in ${what}`);
  budget.items -= count;
  const values: GgufValue[] = [];
  for (let i = 0; i < count; i++) {
    if (scalar === undefined) {
      values.push(await readValue(cursor, itemType, budget, depth + 1, what));
      continue;
    }
    if (!cursor.has(itemBytes)) await cursor.need(itemBytes, what);
    values.push(scalar.read(cursor));
  }
  return values;
}

async function readString(cursor: ByteCursor, maxBytes: number, what: string): Promise<string> {
  if (!cursor.has(8)) await cursor.need(8, what);
  const bytes = checkCount(cursor, cursor.u64(), maxBytes, 1, `bytes of ${what}`);
  if (!cursor.has(bytes)) await cursor.need(bytes, what);
  return utf8.decode(cursor.take(bytes));
}

/** A claimed count as a number, if the file could hold that many. */
function checkCount(
  cursor: ByteCursor,
  claimed: bigint,
  most: number,
  itemBytes: number,
  what: string,
): number {
  const room = Math.min(most, Math.floor(cursor.left / itemBytes));
  if (claimed <= BigInt(room)) return Number(claimed);
  throw invalidFile(cursor.source.name, `too many ${what}`, `at most ${room}`, { claimed });
}

interface TensorEntry {
  readonly name: string;
  /** Fastest dimension first, as GGUF has them. */
  readonly dims: readonly number[];
  readonly ggmlId: number;
  /** From the start of the data. */
  readonly offset: number;
}

async function readTensorEntry(cursor: ByteCursor): Promise<TensorEntry> {
  const name = await readString(cursor, MAX_TENSOR_NAME_BYTES, 'a tensor name');
  const what = `tensor ${shown(name)}`;
  await cursor.need(4, what);
  const rank = cursor.u32();
  if (rank < 1 || rank > MAX_TENSOR_DIMS)
    throw invalidFile(
      cursor.source.name,
      `${what} has an impossible rank`,
      `1 to ${MAX_TENSOR_DIMS}`,
      { rank },
    );
  await cursor.need(rank * 8 + 12, what);
  const dims = Array.from({ length: rank }, () => Number(cursor.u64()));
  return { name, dims, ggmlId: cursor.u32(), offset: Number(cursor.u64()) };
}

function readAlignment(source: ByteSource, metadata: GgufMetadata): number {
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  const sane = typeof alignment === 'number' && alignment >= 8 && alignment <= MAX_ALIGNMENT;
  if (sane && Number.isInteger(Math.log2(alignment))) return alignment;
  throw invalidFile(source.name, 'impossible general.alignment', 'a power of two from 8', {
    alignment: shown(String(alignment)),
  });
}

function placeTensors(
  source: ByteSource,
  entries: readonly TensorEntry[],
  headerEnd: number,
  alignment: number,
): SourceTensor[] {
  const start = Math.ceil(headerEnd / alignment) * alignment;
  return entries.map(({ name, dims, ggmlId, offset }) => {
    const where = `${source.name}: tensor ${shown(name)}`;
    const dtype = sourceDtypeByGgmlId(ggmlId, where);
    const rowMajor = [...dims].reverse();
    const bytes = tensorBytes(where, dtype, rowMajor);
    if (!Number.isSafeInteger(start + offset + bytes) || offset % alignment !== 0)
      throw invalidFile(where, 'impossible offset', `a multiple of ${alignment} inside the file`, {
        offset,
      });
    return { name, dtype, dims: rowMajor, source, offset: start + offset, bytes };
  });
}

/** Bytes of 128 values of Q2_0 in the blocks of a llama.cpp fork: one half, 128 pairs of bits. */
const OTHER_Q2_BYTES = 34;

/**
 * A fork of llama.cpp gave the number of Q2_0 to blocks of 128 values before llama.cpp gave it to
 * blocks of 64. The header does not say which; a tensor with less room than blocks of 64 take does.
 * @throws {EngineError} E_DTYPE_UNSUPPORTED
 */
function refuseOtherQ2(source: ByteSource, tensors: readonly SourceTensor[]): void {
  const sorted = [...tensors].sort((a, b) => a.offset - b.offset);
  for (const [i, { name, dtype, dims, offset, bytes }] of sorted.entries()) {
    if (dtype !== 'Q2_0' || dims.at(-1)! % 128 !== 0) continue;
    const room = (sorted[i + 1]?.offset ?? source.bytes) - offset;
    const otherBytes = (dims.reduce((product, dim) => product * dim, 1) / 128) * OTHER_Q2_BYTES;
    if (room >= bytes || room < otherBytes) continue;
    const where = `${source.name}: tensor ${shown(name)}`;
    throw unsupportedDtype('Q2_0 in blocks of 128', where, SOURCE_DTYPE_NAMES);
  }
}

/** A name from the file, fit for a message. */
function shown(name: string): string {
  return name.slice(0, 80).replace(/[^\x20-\x7e]/g, '?');
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
