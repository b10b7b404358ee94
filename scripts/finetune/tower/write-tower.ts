/** A learned image tower as files: a record and matrices in halves. */
import { join } from 'node:path';
import { encodeEyes, encoderHash } from '../../../engine/adapters/eyes.ts';
import {
  type Tower,
  TOWER_CONFIG_FILE,
  TOWER_WEIGHTS_FILE,
  type TowerBase,
  towerBaseHash,
} from '../../../engine/adapters/tower.ts';
import type { TowerFacts } from '../../../engine/manifest/adapters.ts';
import type { VisionManifest } from '../../../engine/manifest/manifest.ts';
import type { EyesTensors } from '../../../engine/model/vision/projector.ts';
import { EYES } from '../../../engine/train/eyes.ts';
import { TOWER_SCALE } from '../../../engine/train/tower.ts';
import { writeWhole } from '../../train/checkpoint.ts';
import type { ChannelScale } from '../pictures/features.ts';
import { halves, hiddenParts } from '../pictures/write-eyes.ts';
import type { TowerTraining } from './tower-training.ts';

/** Cosines ask for no length: the projector's norm changes none. */
const NORM_EPS = 1e-6;

/** @throws {EngineError} E_USAGE for values that halves cannot hold */
export async function learnedTower(
  training: TowerTraining,
  { mean, deviation }: ChannelScale,
  encoder: Pick<VisionManifest, 'id' | 'config'>,
  text: TowerBase,
): Promise<Tower> {
  const byName = new Map(training.program.plan.graph.weights.map((one) => [one.name, one]));
  const read = (name: string): Float32Array => training.read(byName.get(name)!).slice();
  const nFeature = mean.length;
  const { map, bias: hiddenBias } = hiddenParts(read(EYES.hidden), nFeature);
  const positions = read(EYES.positions);
  const [nHidden, nEmbd] = [hiddenBias.length, positions.length];
  const sizes = { grid: 1, nFeature, nHidden, nEmbd, normEps: NORM_EPS };
  const facts: TowerFacts = {
    ...{ ...sizes, encoder: encoder.id, encoderSha256: await encoderHash(encoder) },
    ...{ text: text.id, textSha256: await towerBaseHash(text) },
    scale: Math.exp(read(TOWER_SCALE)[0]!),
  };
  const tensors: EyesTensors = {
    ...{ ...sizes, mean, deviation, hiddenBias, positions },
    ...{ hidden: halves(map), out: halves(read(EYES.out)) },
    gain: new Float32Array(nEmbd).fill(1),
  };
  return { facts, tensors, bytes: encodeEyes(facts, tensors) };
}

/** @throws {EngineError} E_DISK */
export async function writeTower(
  folder: string,
  { facts, bytes }: Pick<Tower, 'facts' | 'bytes'>,
): Promise<void> {
  await writeWhole(join(folder, TOWER_WEIGHTS_FILE), bytes);
  await writeWhole(join(folder, TOWER_CONFIG_FILE), `${JSON.stringify(facts, null, 2)}\n`);
}
