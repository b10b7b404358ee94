/**
 * Reads llama2.c model files (export.py versions 0 and 1, float32) and their tokenizer files.
 * Version 0 has no magic: seven numbers and then tensors, so that only the file's exact length
 * tells a model from noise. Tensor names are given as GGUF's. Reference: karpathy/llama2.c export.py.
 */
import { EngineError } from '../base/errors.ts';
import { ByteCursor, invalidFile, readRange } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { checkTensorPlaces } from './source-tensor.ts';
import type { SourceTensor } from './source-tensor.ts';

export interface Llama2cHeader {
  readonly version: 0 | 1;
  readonly nEmbd: number;
  readonly nFf: number;
  readonly nLayer: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly nVocab: number;
  readonly nCtx: number;
  readonly tiedHead: boolean;
}
export interface Llama2cFile {
  readonly header: Llama2cHeader;
  readonly tensors: readonly SourceTensor[];
}
/** A SentencePiece vocabulary: piece i has id i. */
export interface Llama2cVocab {
  readonly pieces: readonly string[];
  readonly scores: readonly number[];
}

/** 'ak42', the first four bytes from version 1 on. */
const MAGIC = 0x616b3432;
const HEADER_BYTES_V0 = 28;
const HEADER_BYTES_V1 = 256;
const MAX_DIM = 1 << 24;
const MAX_LAYERS = 1024;
const MAX_PIECE_BYTES = 4096;

/**
 * @throws {EngineError} E_FORMAT_MAGIC when the file is not a llama2.c model, E_FORMAT_VERSION,
 *   E_FORMAT_INVALID when it is cut off.
 */
export async function readLlama2c(source: ByteSource): Promise<Llama2cFile> {
  const header = await readHeader(source);
  const plan = header.version === 0 ? planV0(header) : planV1(header);
  let offset = header.version === 0 ? HEADER_BYTES_V0 : HEADER_BYTES_V1;
  const tensors: SourceTensor[] = [];
  for (const { name, dims } of plan) {
    const bytes = dims.reduce((product, dim) => product * dim, 4);
    if (name !== null) tensors.push({ name, dtype: 'F32', dims, source, offset, bytes });
    offset += bytes;
  }
  if (offset !== source.bytes)
    throw invalidFile(source.name, 'length does not fit the header', `${offset} bytes`, {
      bytes: source.bytes,
    });
  checkTensorPlaces(tensors);
  return { header, tensors };
}

async function readHeader(source: ByteSource): Promise<Llama2cHeader> {
  const cursor = new ByteCursor(source);
  await cursor.need(HEADER_BYTES_V0, 'the header');
  const first = cursor.u32();
  if (first !== MAGIC) {
    const dims = [first | 0, ...Array.from({ length: 6 }, () => cursor.i32())];
    return checkHeader(source, 0, dims, (dims[5] ?? 0) > 0);
  }
  const version = cursor.i32();
  if (version !== 1)
    throw new EngineError(
      'E_FORMAT_VERSION',
      `${source.name}: llama2.c version ${version}; expected 0 or 1 (float32). Export it again with --version 1.`,
      { details: { version } },
    );
  await cursor.need(HEADER_BYTES_V1 - 8, 'the header');
  const dims = Array.from({ length: 7 }, () => cursor.i32());
  return checkHeader(source, 1, dims, cursor.u8() !== 0);
}

function checkHeader(
  source: ByteSource,
  version: 0 | 1,
  dims: readonly number[],
  tiedHead: boolean,
): Llama2cHeader {
  const [nEmbd = 0, nFf = 0, nLayer = 0, nHead = 0, nKvHead = 0, rawVocab = 0, nCtx = 0] = dims;
  // Version 0 marks an untied head by a negative vocabulary size.
  const nVocab = version === 0 ? Math.abs(rawVocab) : rawVocab;
  const inRange = [nEmbd, nFf, nLayer, nHead, nKvHead, nVocab, nCtx].every(
    (n) => n > 0 && n <= MAX_DIM,
  );
  const sane =
    inRange && nLayer <= MAX_LAYERS && nEmbd % (2 * nHead) === 0 && nHead % nKvHead === 0;
  if (!sane)
    throw new EngineError(
      'E_FORMAT_MAGIC',
      `${source.name}: not a llama2.c model; expected seven sizes of a model, got ${dims.join(', ')}. ` +
        'Give a .gguf file, a safetensors folder or a llama2.c .bin file.',
      { details: { dims } },
    );
  return { version, nEmbd, nFf, nLayer, nHead, nKvHead, nVocab, nCtx, tiedHead };
}

/** A stretch of the file; without a name it is skipped. */
interface Stretch {
  readonly name: string | null;
  readonly dims: readonly number[];
}
type LayerRow = readonly [name: string, ...dims: number[]];

/** One tensor for each layer, one after the other. */
function eachLayer(header: Llama2cHeader, [name, ...dims]: LayerRow): Stretch[] {
  return Array.from({ length: header.nLayer }, (_, i) => ({ name: `blk.${i}.${name}`, dims }));
}

function layerRows(h: Llama2cHeader) {
  const headDim = h.nEmbd / h.nHead;
  const row = (...values: LayerRow) => eachLayer(h, values);
  return {
    attnNorm: row('attn_norm.weight', h.nEmbd),
    ffnNorm: row('ffn_norm.weight', h.nEmbd),
    attention: [
      ...row('attn_q.weight', h.nHead * headDim, h.nEmbd),
      ...row('attn_k.weight', h.nKvHead * headDim, h.nEmbd),
      ...row('attn_v.weight', h.nKvHead * headDim, h.nEmbd),
      ...row('attn_output.weight', h.nEmbd, h.nHead * headDim),
    ],
    ffn: [
      ...row('ffn_gate.weight', h.nFf, h.nEmbd),
      ...row('ffn_down.weight', h.nEmbd, h.nFf),
      ...row('ffn_up.weight', h.nFf, h.nEmbd),
    ],
  };
}

function planV0(h: Llama2cHeader): Stretch[] {
  const { attnNorm, ffnNorm, attention, ffn } = layerRows(h);
  const rotations: Stretch = { name: null, dims: [h.nCtx, h.nEmbd / h.nHead / 2] };
  return [
    { name: 'token_embd.weight', dims: [h.nVocab, h.nEmbd] },
    ...[...attnNorm, ...attention, ...ffnNorm, ...ffn],
    { name: 'output_norm.weight', dims: [h.nEmbd] },
    // Tables of cosines and sines, which we compute ourselves.
    rotations,
    rotations,
    ...headStretch(h),
  ];
}

function planV1(h: Llama2cHeader): Stretch[] {
  const { attnNorm, ffnNorm, attention, ffn } = layerRows(h);
  return [
    ...[...attnNorm, ...ffnNorm],
    { name: 'output_norm.weight', dims: [h.nEmbd] },
    { name: 'token_embd.weight', dims: [h.nVocab, h.nEmbd] },
    ...[...attention, ...ffn],
    ...headStretch(h),
  ];
}

function headStretch(h: Llama2cHeader): Stretch[] {
  return h.tiedHead ? [] : [{ name: 'output.weight', dims: [h.nVocab, h.nEmbd] }];
}

/**
 * Reads a llama2.c tokenizer file: u32 longest piece, then f32 score, i32 length and bytes of each.
 * @throws {EngineError} E_TOKENIZER_INVALID when it does not hold exactly `nVocab` pieces.
 */
export async function readLlama2cVocab(source: ByteSource, nVocab: number): Promise<Llama2cVocab> {
  const fail = (what: string) =>
    new EngineError(
      'E_TOKENIZER_INVALID',
      `${source.name}: ${what}; expected ${nVocab} pieces. Give the tokenizer file of this model.`,
      { details: { nVocab, bytes: source.bytes } },
    );
  if (nVocab > source.bytes / 8 || nVocab * MAX_PIECE_BYTES < source.bytes - 4)
    throw fail(`${source.bytes} bytes cannot be its vocabulary`);
  const data = await readRange(source, 0, source.bytes, 'the vocabulary');
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const pieces: string[] = [];
  const scores: number[] = [];
  let at = 4;
  while (pieces.length < nVocab) {
    if (at + 8 > data.byteLength) throw fail(`ends after ${pieces.length} pieces`);
    const score = view.getFloat32(at, true);
    const length = view.getInt32(at + 4, true);
    if (length < 0 || length > MAX_PIECE_BYTES || at + 8 + length > data.byteLength)
      throw fail(`piece ${pieces.length} claims ${length} bytes`);
    if (!Number.isFinite(score)) throw fail(`piece ${pieces.length} has score ${score}`);
    try {
      pieces.push(utf8.decode(data.subarray(at + 8, at + 8 + length)));
    } catch (cause) {
      throw new EngineError(
        'E_TOKENIZER_INVALID',
        fail(`piece ${pieces.length} is not UTF-8`).message,
        { cause },
      );
    }
    scores.push(score);
    at += 8 + length;
  }
  if (at !== data.byteLength) throw fail(`has ${data.byteLength - at} bytes too many`);
  return { pieces, scores };
}
