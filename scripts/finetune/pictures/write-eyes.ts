/** Learned eyes as files: what stands beside PEFT's two, and as an encoder holds them. */
import { join } from 'node:path';
import {
  encodeEyes,
  encoderHash,
  EYES_CONFIG_FILE,
  EYES_WEIGHTS_FILE,
} from '../../../engine/adapters/eyes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { EyesFacts } from '../../../engine/manifest/adapters.ts';
import type { VisionManifest } from '../../../engine/manifest/manifest.ts';
import type { EyesTensors } from '../../../engine/model/vision/projector.ts';
import { f32ToF16, MAX_HALF } from '../../../engine/quant/half.ts';
import { EYES, N_CONSTANT } from '../../../engine/train/eyes.ts';
import { writeWhole } from '../../train/checkpoint.ts';
import type { AdapterTraining } from '../adapter-training.ts';
import type { PictureSet } from './dataset.ts';

export interface LearnedEyes {
  readonly facts: EyesFacts;
  readonly tensors: EyesTensors;
}

/** @throws {EngineError} E_USAGE for values that halves cannot hold */
export async function learnedEyes(
  training: AdapterTraining,
  { scale, markers, nPosition }: Pick<PictureSet, 'scale' | 'markers' | 'nPosition'>,
  encoder: Pick<VisionManifest, 'id' | 'config'>,
): Promise<LearnedEyes> {
  const byName = new Map(training.program.plan.graph.weights.map((one) => [one.name, one]));
  const read = (name: string): Float32Array => training.read(byName.get(name)!).slice();
  const { mean, deviation } = scale;
  const nFeature = mean.length;
  const { map, bias: hiddenBias } = hiddenParts(read(EYES.hidden), nFeature);
  const nHidden = hiddenBias.length;
  const { nEmbd, normEps } = training.program.plan.base.config;
  const { beginId, endId } = markers;
  const facts: EyesFacts = {
    ...{ encoder: encoder.id, encoderSha256: await encoderHash(encoder) },
    ...{ grid: Math.sqrt(nPosition), nFeature, nHidden, nEmbd, normEps, beginId, endId },
  };
  const { grid } = facts;
  return {
    facts,
    tensors: {
      ...{ grid, nFeature, nHidden, nEmbd, normEps, mean, deviation, hiddenBias },
      ...{ hidden: halves(map), out: halves(read(EYES.out)) },
      ...{ positions: read(EYES.positions), gain: read(EYES.gain) },
    },
  };
}

/** The first map without what it multiplies constants with, and that as its bias. @param hidden [nHidden, nFeature + N_CONSTANT] */
export function hiddenParts(
  hidden: Float32Array,
  nFeature: number,
): { readonly map: Float32Array; readonly bias: Float32Array } {
  const nIn = nFeature + N_CONSTANT;
  const nHidden = hidden.length / nIn;
  const map = new Float32Array(nHidden * nFeature);
  const bias = new Float32Array(nHidden);
  for (let row = 0; row < nHidden; row++) {
    map.set(hidden.subarray(row * nIn, row * nIn + nFeature), row * nFeature);
    // The first constant is 1, the others are 0.
    bias[row] = hidden[row * nIn + nFeature]!;
  }
  return { map, bias };
}

/** @throws {EngineError} E_DISK */
export async function writeEyes(folder: string, { facts, tensors }: LearnedEyes): Promise<void> {
  await writeWhole(join(folder, EYES_WEIGHTS_FILE), encodeEyes(facts, tensors));
  await writeWhole(join(folder, EYES_CONFIG_FILE), `${JSON.stringify(facts, null, 2)}\n`);
}

/** @throws {EngineError} E_USAGE for values that halves cannot hold */
export function halves(values: Float32Array): Uint16Array {
  if (values.every((value) => Math.abs(value) <= MAX_HALF))
    return Uint16Array.from(values, f32ToF16);
  throw new EngineError(
    'E_USAGE',
    `finetune: eyes have values above ${MAX_HALF}, which halves cannot hold. Lower --rate.`,
  );
}
