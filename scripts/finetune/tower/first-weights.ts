/** What a tower begins as: the classes that its encoder was trained for, each with the vector of its name; or nothing. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import type { TensorRow, VisionManifest } from '../../../engine/manifest/manifest.ts';
import { unpackMatrix } from '../../../engine/quant/layouts.ts';
import { EYES, N_CONSTANT } from '../../../engine/train/eyes.ts';
import { initEyes } from '../../../engine/train/init.ts';
import { nValue, type Tensor } from '../../../engine/train/tensor.ts';
import { TOWER_SCALE } from '../../../engine/train/tower.ts';
import type { ChannelScale } from '../pictures/features.ts';

/** Random maps beside the classes are that much narrower. */
const RANDOM_PART = 0.3;

/** An encoder's classifier. */
export interface Classes {
  /** [nClass, nFeature] */
  readonly weight: Float32Array;
  /** [nClass] */
  readonly bias: Float32Array;
}

/** @param folder of the imported encoder @throws {EngineError} E_TENSOR_MISSING */
export async function readClasses(
  folder: string,
  { shards, tensors }: Pick<VisionManifest, 'shards' | 'tensors'>,
): Promise<Classes> {
  const read = async (name: string): Promise<Float32Array> => {
    const row: TensorRow | undefined = tensors.find((one) => one.name === name);
    if (row === undefined)
      throw new EngineError('E_TENSOR_MISSING', `${folder}: has no ${name}. Import it again.`);
    const { dtype, shape, shard, offset, bytes } = row;
    const file = new Uint8Array(await readFile(join(folder, shards[shard]!.file)));
    const [nRow, nCol] = shape;
    return Float32Array.from(unpackMatrix(dtype, nRow, nCol, file.slice(offset, offset + bytes)));
  };
  return { weight: await read('classesProj'), bias: await read('classesBias') };
}

export interface FirstWeights {
  readonly seed: number;
  readonly temperature: number;
  /** Null for a start that knows nothing. */
  readonly labels: {
    readonly classes: Classes;
    /** Vectors of the classes' names. */
    readonly vectors: readonly Float32Array[];
    readonly scale: ChannelScale;
  } | null;
}

/** First values of every weight. */
export function firstWeights(
  weights: readonly Tensor[],
  { seed, temperature, labels }: FirstWeights,
): ReadonlyMap<string, Float32Array> {
  const found = new Map<string, Float32Array>();
  for (const { tensor, values } of initEyes(weights, seed, 1)) found.set(tensor.name, values);
  const scale = weights.find(({ name }) => name === TOWER_SCALE)!;
  const logScale = new Float32Array(nValue(scale));
  logScale[0] = Math.log(1 / temperature);
  found.set(TOWER_SCALE, logScale);
  if (labels === null) return found;
  const out = weights.find(({ name }) => name === EYES.out)!;
  beginWithClasses(found.get(EYES.hidden)!, labels.classes, labels.scale);
  beginWithNames(found.get(EYES.out)!, out.nCol, labels.vectors);
  return found;
}

/** Rows of the first map as the classes' logits of what was not standardised. @param hidden [nHidden, nFeature + N_CONSTANT] */
function beginWithClasses(
  hidden: Float32Array,
  { weight, bias }: Classes,
  { mean, deviation }: ChannelScale,
): void {
  const nFeature = mean.length;
  const nIn = nFeature + N_CONSTANT;
  const nRow = Math.min(bias.length, hidden.length / nIn);
  for (let row = 0; row < nRow; row++) {
    let offset = bias[row]!;
    for (let c = 0; c < nFeature; c++) {
      const value = weight[row * nFeature + c]!;
      hidden[row * nIn + c] = value * deviation[c]!;
      offset += value * mean[c]!;
    }
    hidden[row * nIn + nFeature] = offset;
  }
}

/** Columns of the second map as the vectors of names, less what all names have. @param out [nEmbd, nHidden] */
function beginWithNames(
  out: Float32Array,
  nHidden: number,
  vectors: readonly Float32Array[],
): void {
  const nEmbd = out.length / nHidden;
  for (let row = 0; row < nEmbd; row++) {
    const mean = vectors.reduce((sum, vector) => sum + vector[row]!, 0) / vectors.length;
    for (let column = 0; column < nHidden; column++) {
      const at = row * nHidden + column;
      const vector = vectors[column];
      out[at] = vector === undefined ? out[at]! * RANDOM_PART : vector[row]! - mean;
    }
  }
}
