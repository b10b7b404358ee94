/**
 * The file that a bucket has of an adapter: safetensors with halves, `layers.0.qProj.a` [rank, nCol] and `.b`
 * [nRow, rank] times the scale, rows in the order of the base: it goes into the kernels' memory as it is. Of a trained
 * prefix `layers.0.prefix.keys` and `.values` [nPosition, nKvHead headDim].
 */
import { EngineError } from '../base/errors.ts';
import { sha256Hex } from '../base/sha256.ts';
import { memorySource, readRange } from '../formats/byte-source.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { SourceTensor } from '../formats/source-tensor.ts';
import { writeSafetensors } from '../formats/write-safetensors.ts';
import type { DecoderManifest } from '../manifest/manifest.ts';
import { kvGeometry } from '../cache/geometry.ts';
import { pairBytes } from '../model/decoder/adapters.ts';
import type { AdapterPair, AdapterTensors } from '../model/decoder/adapters.ts';
import type { PrefixLayer, PrefixTensors } from '../model/decoder/contract.ts';
import { defaultKvDtype } from '../model/decoder/plan.ts';
import { prefixBytes } from '../model/decoder/prefix-pages.ts';
import { f16ToF32, f32ToF16 } from '../quant/half.ts';
import { unsupported } from './adapter.ts';
import type { Adapter, FloatPair } from './adapter.ts';
import type { TrainedPrefix } from './prefix.ts';

export interface StoredAdapter {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes that it takes in the kernels' memory. */
  readonly regionBytes: number;
}

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED for values that halves cannot hold */
export function encodeStored({ pairs, rank, scale }: Adapter): StoredAdapter {
  const tensors = [];
  let regionBytes = 0;
  for (const [name, pair] of pairs) {
    const { a, b } = balanced(name, pair, scale);
    const [nCol, nRow] = [a.length / rank, b.length / rank];
    regionBytes += pairBytes('f16', rank, nRow, nCol);
    tensors.push(
      { name: `${name}.a`, dtype: 'F16' as const, shape: [rank, nCol], values: halves(name, a) },
      { name: `${name}.b`, dtype: 'F16' as const, shape: [nRow, rank], values: halves(name, b) },
    );
  }
  return { bytes: writeSafetensors(tensors), regionBytes };
}

/** @param base whose cache has the prefix in its own type */
export function encodePrefix(
  { nPosition, layers }: TrainedPrefix,
  base: Pick<DecoderManifest, 'config' | 'preset' | 'architecture'>,
): StoredAdapter {
  const { nLayer, nKvHead, headDim } = base.config;
  const shape = [nPosition, nKvHead * headDim];
  const tensors = layers.flatMap((layer, i) =>
    PREFIX_SIDES.map((side) => ({
      ...{ name: `layers.${i}.prefix.${side}`, dtype: 'F16' as const },
      ...{ shape, values: layer[side] },
    })),
  );
  const kv = kvGeometry(defaultKvDtype(base), base.config);
  return {
    bytes: writeSafetensors(tensors),
    regionBytes: prefixBytes(kv, nLayer, nPosition),
  };
}

const PREFIX_SIDES = ['keys', 'values'] as const satisfies readonly (keyof PrefixLayer)[];

/**
 * A and B of equal size, the scale in B: one times a power of two, the other divided by it, which changes no
 * product. B alone, trained from zero, is often so small that halves would lose digits.
 */
function balanced(name: string, { a, b }: FloatPair, scale: number): FloatPair {
  const [mostA, mostB] = [largest(a), largest(b) * Math.abs(scale)];
  const shift = mostA === 0 || mostB === 0 ? 0 : Math.round(Math.log2(mostB / mostA) / 2);
  if (!Number.isFinite(shift)) throw tooLarge(name);
  const factor = 2 ** shift;
  return { a: a.map((x) => x * factor), b: b.map((x) => (x * scale) / factor) };
}

function largest(values: Float32Array): number {
  return values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

function halves(name: string, values: Float32Array): Uint16Array {
  const out = Uint16Array.from(values, f32ToF16);
  if (values.some((x) => !(Math.abs(x) < 65_504))) throw tooLarge(name);
  return out;
}

function tooLarge(name: string): EngineError {
  return unsupported(name, 'has values that are too large for halves', 'values below 65504');
}

/**
 * @param layers half-open range of those to read; all by default
 * @throws {EngineError} E_FORMAT_INVALID, E_TENSOR_SHAPE for a file that was not written here
 */
export async function decodeStored(
  id: string,
  bytes: Uint8Array<ArrayBuffer>,
  layers: readonly [number, number] = [0, Infinity],
): Promise<AdapterTensors> {
  const tensors = await readSafetensors([memorySource(id, bytes)]);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const pairs = new Map<string, AdapterPair>();
  let rank = 0;
  for (const tensor of tensors) {
    const [, name, layer] = /^(layers\.(\d+)\.\w+)\.a$/.exec(tensor.name) ?? [];
    if (name === undefined || Number(layer) < layers[0] || Number(layer) >= layers[1]) continue;
    const b = byName.get(`${name}.b`);
    if (b === undefined || tensor.dims.length !== 2 || b.dims.length !== 2) throw damaged(id, name);
    rank = tensor.dims[0]!;
    pairs.set(name, { a: await readHalves(id, tensor), b: await readHalves(id, b) });
  }
  const prefix = await decodePrefix(id, byName, layers);
  return { id, rank: Math.max(rank, 1), scale: 1, pairs, ...(prefix === null ? {} : { prefix }) };
}

/** The layers of a prefix that are asked for; null in a file without one. */
async function decodePrefix(
  id: string,
  tensors: ReadonlyMap<string, SourceTensor>,
  layers: readonly [number, number],
): Promise<PrefixTensors | null> {
  const found = new Map<number, PrefixLayer>();
  let nPosition = 0;
  for (const [name, keys] of tensors) {
    const [, layer] = /^layers\.(\d+)\.prefix\.keys$/.exec(name) ?? [];
    if (layer === undefined) continue;
    const values = tensors.get(`layers.${layer}.prefix.values`);
    if (values === undefined || keys.dims.length !== 2) throw damaged(id, name);
    nPosition = keys.dims[0]!;
    const i = Number(layer);
    if (i < layers[0] || i >= layers[1]) continue;
    found.set(i, { keys: await readHalves(id, keys), values: await readHalves(id, values) });
  }
  return nPosition === 0 ? null : { nPosition, layers: found };
}

async function readHalves(id: string, { name, dtype, source, offset, bytes }: SourceTensor) {
  if (dtype !== 'F16') throw damaged(id, name);
  const data = await readRange(source, offset, bytes, name);
  return new Uint16Array(data.buffer, data.byteOffset, bytes / Uint16Array.BYTES_PER_ELEMENT);
}

function damaged(id: string, name: string): EngineError {
  return new EngineError(
    'E_TENSOR_SHAPE',
    `adapter ${id}: ${name}: expected two matrices of halves. Add the adapter again.`,
    { details: { id, name } },
  );
}

/** The pairs of a stored adapter as 32-bit values. */
export function floatPairs({ pairs }: AdapterTensors): ReadonlyMap<string, FloatPair> {
  const floats = (values: AdapterPair['a']): Float32Array =>
    values instanceof Uint16Array ? Float32Array.from(values, f16ToF32) : values;
  return new Map([...pairs].map(([name, { a, b }]) => [name, { a: floats(a), b: floats(b) }]));
}

/**
 * What an adapter's base has to be: shapes, orders of rows and the tokenizer. The precision of its weights may
 * change.
 */
export async function baseHash({
  architecture,
  config,
  tokenizer,
}: Pick<DecoderManifest, 'architecture' | 'config' | 'tokenizer'>): Promise<string> {
  const entries = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify([architecture, entries, tokenizer.sha256]);
  return await sha256Hex(new Uint8Array(new TextEncoder().encode(text)));
}
