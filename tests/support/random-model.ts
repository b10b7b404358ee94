/**
 * Models of any family with seeded random weights, written as GGUF and as a Hugging Face folder from
 * nothing but the family's rows. Activations stay of order one, logits and attention are neither flat
 * nor one-hot, so that any wrong detail of a forward pass shows in the logits.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archTensors } from '../../engine/archs/index.ts';
import type { TensorInstance, TensorPlace } from '../../engine/archs/index.ts';
import { SMALL_ROLES } from '../../engine/archs/types.ts';
import type { AnyTensorSpec, Architecture } from '../../engine/archs/types.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { f16ToF32, f32ToF16 } from '../../engine/quant/half.ts';
import { ByteWriter } from './byte-writer.ts';
import { writeGguf } from './gguf-writer.ts';
import type { WrittenTensor, WrittenValue } from './gguf-writer.ts';
import { seededRandom } from './random.ts';
import { writeSafetensors } from './safetensors-writer.ts';
import { tinyGgufMetadata, tinyTokenizerFiles } from './tiny-llama.ts';
import type { TinyTensor } from './tiny-llama.ts';

/** Standard deviation of logits, and of attention scores its square root's worth a side. */
const LOGIT_SPREAD = 2.5;
const SCORE_SPREAD = 1.5;

type Spread = (nCol: number) => readonly [offset: number, spread: number];
const SPREADS: Record<TensorInstance['spec']['role'], Spread> = {
  embedding: (nCol) => [0, LOGIT_SPREAD / Math.sqrt(nCol)],
  head: (nCol) => [0, LOGIT_SPREAD / Math.sqrt(nCol)],
  attention: (nCol) => [0, 1 / Math.sqrt(nCol)],
  ffn: (nCol) => [0, 1 / Math.sqrt(nCol)],
  convolution: (nCol) => [0, 1 / Math.sqrt(nCol)],
  depthwise: (nCol) => [0, 1 / Math.sqrt(nCol)],
  norm: () => [1, 0.2],
  bias: () => [0, 0.5],
  router: (nCol) => [0, SCORE_SPREAD / Math.sqrt(nCol)],
  positions: (nCol) => [0, LOGIT_SPREAD / Math.sqrt(nCol)],
};
const ROTATED = { attention: (nCol: number) => [0, SCORE_SPREAD / Math.sqrt(nCol)] as const };

/** Every required tensor, and the optional biases if asked for. */
export function randomTensors<C extends object>(
  arch: { readonly tensors: readonly AnyTensorSpec<C>[] },
  config: C,
  seed = 1,
  biases = false,
): TinyTensor[] {
  return archTensors(arch, config)
    .filter(({ required, spec }) => required || (biases && spec.role === 'bias'))
    .map((instance, i) => ({ instance, values: tensorValues(instance, seed * 1000 + i) }));
}

function tensorValues({ spec, shape }: TensorInstance, seed: number): Float32Array {
  const random = seededRandom(seed);
  const [offset, spread] = { ...SPREADS, ...(spec.ropeRows ? ROTATED : {}) }[spec.role](shape[1]);
  // Three uniform numbers make a bell of variance 1/4.
  const draw = () => (random() + random() + random() - 1.5) * 2;
  const values = new Float32Array(shape[0] * shape[1]);
  for (let i = 0; i < values.length; i++) values[i] = offset + spread * draw();
  return values;
}

/** The same model with every other value of one tensor larger: no norm behind it makes up for that. */
export function bentTensor(tensors: readonly TinyTensor[], name: string): TinyTensor[] {
  return tensors.map((tensor) =>
    tensor.instance.name === name
      ? { ...tensor, values: tensor.values.map((x, i) => (i % 2 === 0 ? x * 1.3 : x)) }
      : tensor,
  );
}

/** @param matrices type of everything but vectors, routers and tables of positions */
export function familyGguf(
  arch: Architecture,
  config: ModelConfig,
  tensors: readonly TinyTensor[],
  metadata: Readonly<Record<string, WrittenValue>> = {},
  extra: readonly { name: string; values: readonly number[] }[] = [],
  matrices: 'F32' | 'Q8_0' = 'F32',
): Uint8Array {
  const floats = (name: string, dims: number[], values: Float32Array): WrittenTensor => ({
    name,
    dims,
    dtype: 'F32',
    data: bytesOf(values),
  });
  const small = new Set(
    tensors
      .filter(({ instance }) => SMALL_ROLES.includes(instance.spec.role))
      .map(({ instance }) => instance.places.gguf!.name),
  );
  const written = fileTensors(tensors, 'gguf').map(({ name, dims, values }) =>
    matrices === 'F32' || small.has(name)
      ? floats(name, dims, values)
      : { name, dims, dtype: matrices, data: encodeQ8(values) },
  );
  const added = extra.map(({ name, values }) =>
    floats(name, [values.length], Float32Array.from(values)),
  );
  return writeGguf({
    metadata: { ...ggufMetadata(arch, config), ...metadata },
    tensors: [...added, ...written],
  });
}

/** Blocks of 32: a half of the largest over 127, then the quotients rounded. */
function encodeQ8(values: Float32Array): Uint8Array {
  const out = new ByteWriter();
  for (let at = 0; at < values.length; at += 32) {
    const block = values.subarray(at, at + 32);
    const scale = f16ToF32(f32ToF16(block.reduce((m, x) => Math.max(m, Math.abs(x)), 0) / 127));
    out.number(2, (view) => view.setUint16(0, f32ToF16(scale), true));
    const quants = Int8Array.from(block, (x) =>
      Math.max(-127, Math.min(127, Math.round(x / scale))),
    );
    out.raw(new Uint8Array(quants.buffer));
  }
  return out.done();
}

/** A Hugging Face folder of the same model; `fields` are config.json's beside the rows'. */
export async function writeFamilyFolder(
  folder: string,
  arch: Architecture,
  config: ModelConfig,
  tensors: readonly TinyTensor[],
  fields: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await mkdir(folder, { recursive: true });
  const entries = fileTensors(inHfOrder(arch, config, tensors), 'hf').map(
    ({ name, dims, values }) => ({ name, dtype: 'F32', shape: dims, data: bytesOf(values) }),
  );
  await writeFile(join(folder, 'model.safetensors'), writeSafetensors(entries));
  const files = {
    'config.json': JSON.stringify({ ...hfFields(arch, config), ...fields }),
    ...tinyTokenizerFiles(),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

export interface FileTensor {
  readonly name: string;
  readonly dims: number[];
  readonly values: Float32Array;
}

/** Our tensors as the file has them: parts put together, experts stacked, matrices transposed. */
export function fileTensors(tensors: readonly TinyTensor[], naming: 'gguf' | 'hf'): FileTensor[] {
  const byName = Map.groupBy(tensors, ({ instance }) => instance.places[naming]!.name);
  return [...byName].map(([name, members]) => {
    const { shape, places } = members[0]!.instance;
    const place = places[naming]!;
    const dims = untransposedDims(shape, place);
    const values = new Float32Array(dims.reduce((product, dim) => product * dim, 1));
    for (const { instance, values: own } of members)
      values.set(own, firstValue(instance, instance.places[naming]!));
    for (const [i, x] of values.entries()) values[i] = x - place.plus;
    if (!place.transposed || dims.length !== 2) return { name, dims, values };
    return { name, dims: dims.toReversed(), values: transpose(values, dims[0]!, dims[1]!) };
  });
}

function untransposedDims(
  shape: readonly [number, number],
  { of, nStacked, dims }: TensorPlace,
): number[] {
  if (dims !== null) return [...dims];
  if (nStacked > 0) return [nStacked, ...shape];
  return shape[0] === 1 ? [of] : [of, shape[1]];
}

function firstValue({ shape, expert }: TensorInstance, { from, nStacked }: TensorPlace): number {
  if (nStacked > 0) return expert * shape[0] * shape[1];
  return from * (shape[0] === 1 ? 1 : shape[1]);
}

function transpose(values: Float32Array, nRow: number, nCol: number): Float32Array {
  return values.map((_, at) => values[(at % nRow) * nCol + Math.floor(at / nRow)]!);
}

export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The family's keys for a config, and the tiny vocabulary. */
export function ggufMetadata(arch: Architecture, c: ModelConfig): Record<string, WrittenValue> {
  const prefix = arch.ggufNames[0]!;
  const vocabulary = Object.entries(tinyGgufMetadata()).filter(([key]) => !/^llama\./.test(key));
  const rows = arch.config.flatMap(({ field, gguf, isReal }): [string, WrittenValue][] => {
    const value = c[field];
    if (value === undefined) return [];
    return [[`${prefix}.${gguf}`, [isReal === true ? 'f32' : 'u32', value]]];
  });
  const window = Math.max(0, ...(c.windows ?? []));
  return {
    ...Object.fromEntries(vocabulary),
    'general.architecture': ['string', prefix],
    ...Object.fromEntries(rows),
    [`${prefix}.attention.value_length`]: ['u32', c.headDim],
    ...(c.ropeDim > 0 ? { [`${prefix}.rope.dimension_count`]: ['u32', c.ropeDim] } : {}),
    ...(window > 0 ? { [`${prefix}.attention.sliding_window`]: ['u32', window] } : {}),
  };
}

function hfFields(arch: Architecture, c: ModelConfig): Record<string, unknown> {
  const rows = arch.config.map(({ field, hf }) => [hf, c[field]] as const);
  const window = Math.max(0, ...(c.windows ?? []));
  return {
    model_type: arch.hfModelTypes[0],
    ...Object.fromEntries(rows.filter(([, value]) => value !== undefined)),
    vocab_size: c.nVocab,
    tie_word_embeddings: c.tiedHead,
    partial_rotary_factor: c.ropeDim / c.headDim,
    bos_token_id: 1,
    eos_token_id: 2,
    pad_token_id: 0,
    ...(window > 0 ? { sliding_window: window } : {}),
  };
}

/**
 * q and k (weights and biases) with rows as Hugging Face stores them: value i of the first half of a
 * head rotates with value i of the second, where GGUFs of some families have them side by side.
 */
export function inHfOrder(
  arch: Architecture,
  config: ModelConfig,
  tensors: readonly TinyTensor[],
): TinyTensor[] {
  return tensors.map(({ instance, values }) => {
    if (instance.spec.ropeRows === undefined || arch.ggufPairing === 'half')
      return { instance, values };
    const { headDim } = config;
    const width = values.length / (config[instance.spec.ropeRows] * headDim);
    const out = new Float32Array(values.length);
    for (let row = 0; row * width < values.length; row++) {
      const head = row - (row % headDim);
      const i = row % headDim;
      const hfRow = head + (i % 2) * (headDim / 2) + Math.floor(i / 2);
      out.set(values.subarray(row * width, (row + 1) * width), hfRow * width);
    }
    return { instance, values: out };
  });
}
