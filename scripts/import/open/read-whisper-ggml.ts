/**
 * Reads whisper.cpp's own files (ggml-tiny.bin, from before GGUF). Little endian (writers: its
 * models/convert-pt-to-ggml.py and examples/quantize): u32 magic, eleven i32 sizes, mel filters (two i32 sizes, f32
 * values), tokens (i32 count; each i32 length, bytes), then tensors to the end of the file: i32 number of
 * dimensions, i32 length of the name, i32 type, dimensions from the fastest on, name, data. Knows no architecture.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { ByteCursor, invalidFile } from '../../../engine/formats/byte-source.ts';
import type { ByteSource } from '../../../engine/formats/byte-source.ts';
import { sourceDtypeByGgmlId } from '../../../engine/formats/source-dtypes.ts';
import {
  checkTensorPlaces,
  MAX_TENSOR_DIMS,
  MAX_TENSOR_NAME_BYTES,
  tensorBytes,
} from '../../../engine/formats/source-tensor.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';

/** 'ggml' as a number. */
const MAGIC = 0x67676d6c;
/** Names of the sizes, in the file's order. */
const SIZES = [
  ...(['nVocab', 'nAudioCtx', 'nAudioEmbd', 'nAudioHead', 'nAudioLayer'] as const),
  ...(['nTextCtx', 'nTextEmbd', 'nTextHead', 'nTextLayer', 'nMels'] as const),
] as const;
const HEADER_BYTES = 4 * (2 + SIZES.length);
/** The file's type of weights: a version of the blocks in thousands, and a type, which tensors state themselves. */
const FTYPE_VERSION_FACTOR = 1000;
const BLOCK_VERSIONS = [0, 1, 2];
const MAX_SIZE = 1 << 20;
/** Frequencies of a window of 400 samples. */
const N_FREQUENCY = 201;
const MAX_TOKENS = 1 << 17;
/** GPT-2's longest has 128. */
const MAX_TOKEN_BYTES = 256;
const MAX_FILE_TENSORS = 10_000;

export type WhisperGgmlSizes = Readonly<Record<(typeof SIZES)[number], number>>;

export interface WhisperGgmlFile {
  readonly sizes: WhisperGgmlSizes;
  /** Bytes of each token, by its id; special tokens are not among them. */
  readonly tokens: readonly Uint8Array[];
  readonly tensors: readonly SourceTensor[];
}

/** Whether a file begins like one of these; 4 bytes decide. */
export function startsLikeGgml(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  return head.byteLength >= 4 && view.getUint32(0, true) === MAGIC;
}

/**
 * @throws {EngineError} E_FORMAT_MAGIC, E_FORMAT_VERSION, E_FORMAT_INVALID; E_DTYPE_UNSUPPORTED naming the tensor.
 */
export async function readWhisperGgml(source: ByteSource): Promise<WhisperGgmlFile> {
  const cursor = new ByteCursor(source);
  const sizes = await readSizes(source, cursor);
  await skipFilters(source, cursor, sizes);
  const tokens = await readTokens(source, cursor, sizes.nVocab);
  const tensors: SourceTensor[] = [];
  while (cursor.left > 0) {
    if (tensors.length === MAX_FILE_TENSORS)
      throw invalidFile(source.name, 'too many tensors', `at most ${MAX_FILE_TENSORS}`);
    tensors.push(await readTensor(source, cursor));
  }
  checkTensorPlaces(tensors);
  return { sizes, tokens, tensors };
}

async function readSizes(source: ByteSource, cursor: ByteCursor): Promise<WhisperGgmlSizes> {
  await cursor.need(HEADER_BYTES, 'the header');
  const magic = cursor.u32();
  if (magic !== MAGIC)
    throw new EngineError(
      'E_FORMAT_MAGIC',
      `${source.name}: not a ggml file; expected it to begin with 0x${MAGIC.toString(16)}, got 0x${magic.toString(16)}. Give a ggml-*.bin of whisper.cpp.`,
      { details: { magic } },
    );
  const entries = SIZES.map((name): [string, number] => {
    const size = cursor.i32();
    if (size <= 0 || size > MAX_SIZE)
      throw invalidFile(source.name, `${name} is no size`, `1 to ${MAX_SIZE}`, { [name]: size });
    return [name, size];
  });
  const version = Math.floor(cursor.i32() / FTYPE_VERSION_FACTOR);
  if (!BLOCK_VERSIONS.includes(version))
    throw new EngineError(
      'E_FORMAT_VERSION',
      `${source.name}: blocks of version ${version}; expected ${BLOCK_VERSIONS.join(', ')}. Quantize the model with a current whisper.cpp.`,
      { details: { version } },
    );
  return Object.fromEntries(entries) as WhisperGgmlSizes;
}

/** The engine computes them itself. */
async function skipFilters(
  source: ByteSource,
  cursor: ByteCursor,
  { nMels }: WhisperGgmlSizes,
): Promise<void> {
  await cursor.need(8, 'the mel filters');
  const [bands, frequencies] = [cursor.i32(), cursor.i32()];
  if (bands !== nMels || frequencies !== N_FREQUENCY)
    throw invalidFile(source.name, 'mel filters', `${nMels} of ${N_FREQUENCY} values`, {
      bands,
      frequencies,
    });
  const bytes = bands * frequencies * 4;
  if (bytes > cursor.left)
    throw invalidFile(source.name, 'mel filters leave the file', `${cursor.left} bytes`, { bytes });
  cursor.seek(cursor.offset + bytes);
}

async function readTokens(
  source: ByteSource,
  cursor: ByteCursor,
  nVocab: number,
): Promise<Uint8Array[]> {
  await cursor.need(4, 'the vocabulary');
  const count = cursor.i32();
  if (count <= 0 || count > Math.min(nVocab, MAX_TOKENS))
    throw invalidFile(
      source.name,
      'the vocabulary has an impossible length',
      `1 to ${Math.min(nVocab, MAX_TOKENS)}`,
      { count },
    );
  const tokens: Uint8Array[] = [];
  for (let id = 0; id < count; id++) {
    await cursor.need(4, 'the vocabulary');
    const length = cursor.u32();
    if (length > MAX_TOKEN_BYTES)
      throw invalidFile(
        source.name,
        `token ${id} has an impossible length`,
        `0 to ${MAX_TOKEN_BYTES}`,
        { length },
      );
    await cursor.need(length, 'the vocabulary');
    tokens.push(cursor.take(length).slice());
  }
  return tokens;
}

async function readTensor(source: ByteSource, cursor: ByteCursor): Promise<SourceTensor> {
  await cursor.need(12, 'a tensor');
  const [rank, length, type] = [cursor.i32(), cursor.i32(), cursor.i32()];
  if (rank < 1 || rank > MAX_TENSOR_DIMS || length < 1 || length > MAX_TENSOR_NAME_BYTES)
    throw invalidFile(
      source.name,
      'a tensor has an impossible header',
      `1 to ${MAX_TENSOR_DIMS} dimensions and a name of 1 to ${MAX_TENSOR_NAME_BYTES} bytes`,
      { rank, length },
    );
  await cursor.need(rank * 4 + length, 'a tensor');
  const dims = Array.from({ length: rank }, () => cursor.u32()).reverse();
  const name = new TextDecoder('latin1').decode(cursor.take(length));
  if (!/^[\x21-\x7e]+$/.test(name))
    throw invalidFile(source.name, 'the name of a tensor', 'printable characters');
  const where = `${source.name}: tensor ${name}`;
  const dtype = sourceDtypeByGgmlId(type, where);
  const bytes = tensorBytes(where, dtype, dims);
  if (bytes > cursor.left)
    throw invalidFile(where, 'leaves the file', `at most ${cursor.left} bytes`, { bytes });
  const offset = cursor.offset;
  cursor.seek(offset + bytes);
  // Biases of convolutions are columns.
  const isColumn = rank === 2 && dims[1] === 1;
  return { name, dtype, dims: isColumn ? dims.slice(0, 1) : dims, source, offset, bytes };
}
