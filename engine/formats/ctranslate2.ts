/**
 * Reads CTranslate2's `model.bin`, version 6 (read off its own files; writer: ctranslate2/specs/
 * model_spec.py). Little endian: u32 version, string name of the model's spec, u32 revision, u32 count
 * of variables; each a string, u8 rank, u32 dimensions, u8 type, u32 bytes, data; then u32 count of
 * aliases, two strings each. A string is a u16 length that counts a closing zero byte, then its bytes.
 * Knows no architecture.
 */
import { EngineError } from '../base/errors.ts';
import { ByteCursor, invalidFile } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import type { SourceDtype } from './source-dtypes.ts';
import { MAX_TENSOR_DIMS, MAX_TENSOR_NAME_BYTES, tensorBytes } from './source-tensor.ts';
import type { SourceTensor } from './source-tensor.ts';

const VERSION = 6;
const MAX_VARIABLES = 10_000;
/** Specs are named like WhisperSpec. */
const SPEC_NAME = /^[A-Za-z]\w{0,60}Spec$/;

interface VariableType {
  readonly bytes: number;
  /** Null: settings, or weights in CTranslate2's own quantization. */
  readonly dtype: SourceDtype | null;
  readonly scalar: ((view: DataView) => number) | null;
}
const TYPES: readonly VariableType[] = [
  { bytes: 4, dtype: 'F32', scalar: (view) => view.getFloat32(0, true) },
  { bytes: 1, dtype: null, scalar: (view) => view.getInt8(0) },
  { bytes: 2, dtype: null, scalar: (view) => view.getInt16(0, true) },
  { bytes: 4, dtype: null, scalar: (view) => view.getInt32(0, true) },
  { bytes: 2, dtype: 'F16', scalar: null },
  { bytes: 2, dtype: 'BF16', scalar: null },
];

export interface Ctranslate2File {
  readonly spec: string;
  readonly revision: number;
  readonly tensors: readonly SourceTensor[];
  /** Settings: variables without dimensions. */
  readonly scalars: ReadonlyMap<string, number>;
  /** Other names of tensors. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** Whether a file begins like a `model.bin`: version, and the name of a spec. */
export function startsLikeCtranslate2(head: Uint8Array): boolean {
  if (head.byteLength < 8) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const length = view.getUint16(4, true);
  if (length < 5 || length > 64 || head.byteLength < 6 + length) return false;
  const name = new TextDecoder('latin1').decode(head.subarray(6, 6 + length - 1));
  return SPEC_NAME.test(name);
}

/** Bytes by which `startsLikeCtranslate2` decides. */
export const CTRANSLATE2_HEAD_BYTES = 72;

/**
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_VERSION, E_FORMAT_INVALID; E_DTYPE_UNSUPPORTED for
 *   weights in int8 or int16.
 */
export async function readCtranslate2(source: ByteSource): Promise<Ctranslate2File> {
  const cursor = new ByteCursor(source);
  await cursor.need(Math.min(CTRANSLATE2_HEAD_BYTES, source.bytes), 'the header');
  const spec = await readHeader(source, cursor);
  await cursor.need(8, 'the header');
  const revision = cursor.u32();
  const nVariable = readCount(source, cursor, 'variables');
  const names = new Set<string>();
  const tensors: SourceTensor[] = [];
  const scalars = new Map<string, number>();
  for (let i = 0; i < nVariable; i++) {
    const name = await readString(source, cursor, 'a variable name');
    if (names.has(name)) throw invalidFile(source.name, `variable ${name} is listed twice`, 'once');
    names.add(name);
    await readVariable(source, cursor, name, { tensors, scalars });
  }
  const aliases = await readAliases(source, cursor, names);
  if (cursor.left > 0)
    throw invalidFile(source.name, 'bytes stand behind the last alias', 'the end of the file', {
      bytes: cursor.left,
    });
  return { spec, revision, tensors, scalars, aliases };
}

async function readHeader(source: ByteSource, cursor: ByteCursor): Promise<string> {
  const notOurs = () =>
    new EngineError(
      'E_FORMAT_MAGIC',
      `${source.name}: not a CTranslate2 model; expected a version and the name of a spec. Give a model.bin.`,
    );
  const isLong = source.bytes >= CTRANSLATE2_HEAD_BYTES;
  if (!isLong || !startsLikeCtranslate2(cursor.take(CTRANSLATE2_HEAD_BYTES))) throw notOurs();
  cursor.seek(0);
  await cursor.need(4, 'the version');
  const version = cursor.u32();
  if (version !== VERSION)
    throw new EngineError(
      'E_FORMAT_VERSION',
      `${source.name}: CTranslate2 version ${version}; expected ${VERSION}. Convert the model with a current ctranslate2.`,
      { details: { version } },
    );
  return await readString(source, cursor, 'the name of the spec');
}

function readCount(source: ByteSource, cursor: ByteCursor, what: string): number {
  const count = cursor.u32();
  if (count > MAX_VARIABLES)
    throw invalidFile(source.name, `too many ${what}`, `at most ${MAX_VARIABLES}`, { count });
  return count;
}

async function readString(source: ByteSource, cursor: ByteCursor, what: string): Promise<string> {
  await cursor.need(2, what);
  const length = cursor.u16();
  if (length < 2 || length > MAX_TENSOR_NAME_BYTES)
    throw invalidFile(
      source.name,
      `${what} has an impossible length`,
      `2 to ${MAX_TENSOR_NAME_BYTES}`,
      {
        length,
      },
    );
  await cursor.need(length, what);
  const bytes = cursor.take(length);
  const text = new TextDecoder('latin1').decode(bytes.subarray(0, length - 1));
  if (bytes[length - 1] !== 0 || !/^[\x21-\x7e]+$/.test(text))
    throw invalidFile(source.name, `${what} is no text`, 'printable characters and a zero byte');
  return text;
}

async function readVariable(
  source: ByteSource,
  cursor: ByteCursor,
  name: string,
  out: { readonly tensors: SourceTensor[]; readonly scalars: Map<string, number> },
): Promise<void> {
  const where = `${source.name}: variable ${name}`;
  await cursor.need(1, where);
  const rank = cursor.u8();
  if (rank > MAX_TENSOR_DIMS)
    throw invalidFile(where, 'has too many dimensions', `at most ${MAX_TENSOR_DIMS}`, { rank });
  await cursor.need(rank * 4 + 5, where);
  const dims = Array.from({ length: rank }, () => cursor.u32());
  const id = cursor.u8();
  const bytes = cursor.u32();
  const type = TYPES[id];
  if (type === undefined) throw invalidFile(where, 'is of an unknown type', '0 to 5', { type: id });
  const offset = cursor.offset;
  const dtype = type.dtype;
  if (rank === 0) {
    if (bytes !== type.bytes)
      throw invalidFile(where, 'has a wrong length', `${type.bytes} bytes`, { bytes });
    await cursor.need(bytes, where);
    const data = cursor.take(bytes);
    const value = type.scalar?.(new DataView(data.buffer, data.byteOffset, bytes));
    if (value !== undefined) out.scalars.set(name, value);
    return;
  }
  const elements = dims.reduce((product, dim) => product * dim, 1);
  const expected = dtype === null ? elements * type.bytes : tensorBytes(where, dtype, dims);
  if (bytes !== expected)
    throw invalidFile(where, 'has a length that does not fit its shape', `${expected} bytes`, {
      bytes,
    });
  if (bytes > cursor.left)
    throw invalidFile(where, 'leaves the file', `at most ${cursor.left} bytes`, { bytes });
  cursor.seek(offset + bytes);
  // Lists of whole numbers are settings, matrices of them weights.
  if (dtype !== null) out.tensors.push({ name, dtype, dims, source, offset, bytes });
  else if (/\/weight$/.test(name)) throw quantized(where, id);
}

function quantized(where: string, type: number): EngineError {
  return new EngineError(
    'E_DTYPE_UNSUPPORTED',
    `${where}: is quantized by CTranslate2; expected float32, float16 or bfloat16. ` +
      'Convert the model with --quantization float16: thimble quantizes itself.',
    { details: { type } },
  );
}

async function readAliases(
  source: ByteSource,
  cursor: ByteCursor,
  names: ReadonlySet<string>,
): Promise<Map<string, string>> {
  await cursor.need(4, 'the aliases');
  const nAlias = readCount(source, cursor, 'aliases');
  const aliases = new Map<string, string>();
  for (let i = 0; i < nAlias; i++) {
    const alias = await readString(source, cursor, 'an alias');
    const name = await readString(source, cursor, 'an alias');
    if (!names.has(name) || names.has(alias) || aliases.has(alias))
      throw invalidFile(
        source.name,
        `alias ${alias} of ${name} is broken`,
        'a new name of a variable',
      );
    aliases.set(alias, name);
  }
  return aliases;
}
