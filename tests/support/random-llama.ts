/**
 * Llamas of seeded random weights as GGUF files, in every type of weights there is and with what a
 * llama's file may say beside them.
 */
import type { TensorInstance } from '../../engine/archs/index.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import type { WrittenTensor, WrittenValue } from './gguf-writer.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import { encodeFloats, randomBlocks } from './random-blocks.ts';
import { randomTensors } from './random-model.ts';
import { seededRandom } from './random.ts';
import { TINY_CONFIG, tinyGguf, tinyGgufMetadata } from './tiny-llama.ts';
import type { TinyTensor } from './tiny-llama.ts';

export function randomConfig(changes: Partial<ModelConfig> = {}): ModelConfig {
  const shape = {
    ...TINY_CONFIG,
    nLayer: 2,
    nCtx: 128,
    nFf: 96,
    headDim: 16,
    nEmbd: 64,
    ...changes,
  };
  return { ...shape, ropeDim: shape.headDim };
}

/** Every required tensor, and the optional biases if asked for. */
export function randomLlama(config: ModelConfig, seed = 1, biases = false): TinyTensor[] {
  return randomTensors(LLAMA, config, seed, biases);
}

/** The same model with one tensor `factor` times as large: what a bound must notice. */
export function scaledTensor(
  tensors: readonly TinyTensor[],
  name: string,
  factor: number,
): TinyTensor[] {
  return tensors.map((tensor) =>
    tensor.instance.name === name
      ? { ...tensor, values: tensor.values.map((x) => x * factor) }
      : tensor,
  );
}

/** GGUF with matrices in a float type; vectors stay F32, as converters leave them. */
export function randomGguf(
  config: ModelConfig,
  tensors: readonly TinyTensor[],
  options: {
    dtype?: 'F32' | 'F16' | 'BF16';
    metadata?: Record<string, WrittenValue>;
    ropeFactors?: readonly number[];
  } = {},
): Uint8Array {
  const written = tensors.map(({ instance, values }) => {
    const dtype = instance.shape[0] === 1 ? 'F32' : (options.dtype ?? 'F32');
    return writtenTensor(instance, dtype, encodeFloats(dtype, values));
  });
  return ggufOf(config, written, options.metadata, options.ropeFactors);
}

/**
 * Two GGUFs of the same numbers: matrices as random blocks of the type `dtypeOf` gives for our name
 * of them, and written out as F32. `scaled` names one tensor whose values are `factor` times as large.
 */
export function blockTwins(
  config: ModelConfig,
  dtypeOf: (name: string) => SourceDtype,
  scaled: { name: string; factor: number } = { name: '', factor: 1 },
): { blocks: Uint8Array; floats: Uint8Array } {
  const tensors = randomLlama(config).map((tensor, seed) => {
    const { instance, values } = tensor;
    if (instance.shape[0] === 1) return { ...tensor, dtype: 'F32' as const, data: asF32(values) };
    const factor = instance.name === scaled.name ? scaled.factor : 1;
    const dtype = dtypeOf(instance.name);
    const data =
      SOURCE_DTYPES[dtype].blockElements === 1
        ? encodeFloats(dtype, values)
        : randomBlocks(dtype, values.length, rootMeanSquare(values) * factor, seed);
    return { instance, values: dequantize(dtype, data), dtype, data };
  });
  const blocks = tensors.map(({ instance, dtype, data }) => writtenTensor(instance, dtype, data));
  return { blocks: ggufOf(config, blocks), floats: randomGguf(config, tensors) };
}

/** A text of seeded ids, none of them special. */
export function randomTokens(length: number, seed = 5): number[] {
  const random = seededRandom(seed);
  const nSpecial = 3;
  const nPlain = TINY_CONFIG.nVocab - nSpecial;
  return Array.from({ length }, () => nSpecial + Math.floor(random() * nPlain));
}

function rootMeanSquare(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
}

function asF32(values: Float32Array): Uint8Array {
  return encodeFloats('F32', values);
}

export function writtenTensor(
  { places, shape }: TensorInstance,
  dtype: SourceDtype,
  data: Uint8Array,
): WrittenTensor {
  return { name: places.gguf!.name, dims: shape[0] === 1 ? [shape[1]] : [...shape], dtype, data };
}

export function ggufOf(
  config: ModelConfig,
  tensors: readonly WrittenTensor[],
  metadata: Record<string, WrittenValue> = {},
  ropeFactors?: readonly number[],
): Uint8Array {
  const factors: WrittenTensor[] =
    ropeFactors === undefined
      ? []
      : [
          {
            name: 'rope_freqs.weight',
            dims: [ropeFactors.length],
            dtype: 'F32',
            data: encodeFloats('F32', Float32Array.from(ropeFactors)),
          },
        ];
  const shape: Record<string, WrittenValue> = {
    'llama.attention.key_length': ['u32', config.headDim],
    'llama.attention.value_length': ['u32', config.headDim],
    'llama.rope.dimension_count': ['u32', config.ropeDim],
  };
  return tinyGguf({ ...tinyGgufMetadata(config), ...shape, ...metadata }, [...factors, ...tensors]);
}
