/**
 * The same model with every matrix in Q4_0, the type llama.cpp is fastest with: metadata as they
 * are, weights rounded again. Kept in the user's cache, since it can be made again.
 */
import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { joinBytes } from '../../../engine/base/joined.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readGguf } from '../../../engine/formats/gguf.ts';
import type { ByteSource } from '../../../engine/formats/byte-source.ts';
import { sourceBytes, SOURCE_DTYPES } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { f32ToF16 } from '../../../engine/quant/half.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { cacheDir } from '../../lib/paths.ts';

const BLOCK = SOURCE_DTYPES.Q4_0;
const ALIGNMENT = 32;
/** Tensors are rounded this many blocks at a time. */
const CHUNK_BLOCKS = 65_536;

/** Path of the Q4_0 file made from the GGUF at `path`; made now if it is not in the cache. */
export async function q40File(path: string): Promise<string> {
  const folder = join(cacheDir(), 'bench');
  const file = join(folder, basename(path).replace(/(\.[^.]*)?\.gguf$/i, '.all-Q4_0.gguf'));
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  const part = `${file}.${process.pid}.part`;
  try {
    await writeQ40(path, part);
    await rename(part, file);
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  }
  return file;
}

export async function writeQ40(from: string, to: string): Promise<void> {
  await using source = await openFileSource(from);
  const { tensors, metadata } = await readGguf([source]);
  if ((metadata.get('general.alignment') ?? ALIGNMENT) !== ALIGNMENT)
    throw new EngineError('E_DTYPE_UNSUPPORTED', `${from}: general.alignment is not ${ALIGNMENT}`);
  const target = await open(to, 'w');
  try {
    const entries = makeEntries(tensors);
    const head = joinBytes([await readHead(source, tensors), ...entries]);
    await target.write(padded(head));
    for (const tensor of tensors) await writeTensor(tensor, (bytes) => target.write(padded(bytes)));
  } finally {
    await target.close();
  }
}

function newDtype({ dims, dtype }: SourceTensor): SourceDtype {
  const isMatrix = dims.length === 2 && Number(dims[1]) % BLOCK.blockElements === 0;
  return isMatrix ? 'Q4_0' : dtype;
}

function newBytes(tensor: SourceTensor): number {
  const nElement = tensor.dims.reduce((product, dim) => product * dim, 1);
  return sourceBytes(newDtype(tensor), nElement);
}

/** Magic, version, counts and metadata: everything before the first tensor's entry. */
async function readHead(source: ByteSource, tensors: readonly SourceTensor[]): Promise<Uint8Array> {
  const dataStart = Math.min(...tensors.map(({ offset }) => offset));
  const head = await source.read(0, dataStart);
  const start = tensors[0] === undefined ? new Uint8Array() : entryStart(tensors[0]);
  for (let at = dataStart - start.byteLength; at > 0; at--)
    if (start.every((byte, i) => head[at + i] === byte)) return head.subarray(0, at);
  throw new EngineError('E_FORMAT_INVALID', `${source.name}: no entry of the first tensor`);
}

/** A tensor's entry up to its type: name, rank, dimensions fastest first. */
function entryStart({ name, dims }: SourceTensor): Uint8Array {
  const text = new TextEncoder().encode(name);
  const entry = new Uint8Array(8 + text.byteLength + 4 + 8 * dims.length);
  const view = new DataView(entry.buffer);
  const rankAt = 8 + text.byteLength;
  view.setBigUint64(0, BigInt(text.byteLength), true);
  entry.set(text, 8);
  view.setUint32(rankAt, dims.length, true);
  for (const [i, dim] of dims.toReversed().entries())
    view.setBigUint64(rankAt + 4 + 8 * i, BigInt(dim), true);
  return entry;
}

function makeEntries(tensors: readonly SourceTensor[]): Uint8Array[] {
  let offset = 0;
  return tensors.map((tensor) => {
    const tail = new DataView(new ArrayBuffer(12));
    tail.setUint32(0, SOURCE_DTYPES[newDtype(tensor)].ggmlId, true);
    tail.setBigUint64(4, BigInt(offset), true);
    offset += Math.ceil(newBytes(tensor) / ALIGNMENT) * ALIGNMENT;
    return joinBytes([entryStart(tensor), new Uint8Array(tail.buffer)]);
  });
}

function padded(bytes: Uint8Array): Uint8Array {
  const rest = (ALIGNMENT - (bytes.byteLength % ALIGNMENT)) % ALIGNMENT;
  return joinBytes([bytes, new Uint8Array(rest)]);
}

async function writeTensor(
  tensor: SourceTensor,
  write: (bytes: Uint8Array) => Promise<unknown>,
): Promise<void> {
  const { dtype, source, offset, bytes } = tensor;
  if (newDtype(tensor) === dtype) {
    await write(await source.read(offset, bytes));
    return;
  }
  const { blockBytes, blockElements } = SOURCE_DTYPES[dtype];
  // Both block sizes divide this many elements, and its bytes need no padding.
  const chunkBytes = ((CHUNK_BLOCKS * BLOCK.blockElements) / blockElements) * blockBytes;
  for (let at = 0; at < bytes; at += chunkBytes) {
    const part = await source.read(offset + at, Math.min(chunkBytes, bytes - at));
    await write(roundToQ40(dequantize(dtype, part)));
  }
}

/** Q4_0 blocks: f16 scale of the value farthest from zero over -8, then 16 bytes of nibbles. */
export function roundToQ40(values: Float32Array): Uint8Array {
  const nBlock = values.length / BLOCK.blockElements;
  const out = new DataView(new ArrayBuffer(nBlock * BLOCK.blockBytes));
  for (let block = 0; block < nBlock; block++) {
    const from = block * BLOCK.blockElements;
    let extreme = 0;
    for (let i = 0; i < BLOCK.blockElements; i++) {
      const value = values[from + i]!;
      if (Math.abs(value) > Math.abs(extreme)) extreme = value;
    }
    const scale = extreme / -8;
    const inverse = scale === 0 ? 0 : 1 / scale;
    const quant = (i: number) => Math.min(15, Math.floor(values[from + i]! * inverse + 8.5));
    const at = block * BLOCK.blockBytes;
    out.setUint16(at, f32ToF16(scale), true);
    const half = BLOCK.blockElements / 2;
    for (let i = 0; i < half; i++) out.setUint8(at + 2 + i, quant(i) | (quant(i + half) << 4));
  }
  return new Uint8Array(out.buffer);
}
