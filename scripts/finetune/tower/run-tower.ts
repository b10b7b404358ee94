/** A training of an image tower from its configuration to its folder. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { N_CONSTANT } from '../../../engine/train/eyes.ts';
import { modelsDir } from '../../lib/paths.ts';
import { hashOfHashes } from '../../lib/hash-file.ts';
import { loadLocalEncoder } from '../../node-host/encoder.ts';
import { loadLocalImageEncoder } from '../../node-host/image-encoder.ts';
import { embedTexts } from '../../node-host/joint-space.ts';
import { makeFolder } from '../../train/checkpoint.ts';
import { type CourseOptions, runCourse } from '../../train/course.ts';
import type { TrainingStep } from '../../train/result.ts';
import { OPTIMIZER } from '../../train/run-training.ts';
import type { TowerConfig } from './config.ts';
import { firstWeights, readClasses } from './first-weights.ts';
import { batchOf, pairsOf, readTowerData, type TowerData, type TowerPair } from './tower-data.ts';
import { TowerTraining } from './tower-training.ts';
import { learnedTower, writeTower } from './write-tower.ts';

/** Validation batches of an evaluation. */
const MAX_BATCHES = 4;

export interface TowerOptions extends CourseOptions {
  /** Where the tower, its checkpoint and what was seen go. */
  readonly folder: string;
  readonly modelsRoot?: string;
  readonly nThread: number;
  readonly onPicture: (nDone: number, nPicture: number) => void;
  readonly onData: (data: TowerData) => void;
}

export interface TowerResult {
  readonly folder: string;
  readonly steps: number;
  readonly nStep: number;
  readonly nWeight: number;
  readonly loss: number;
  /** Of validation; null without any. */
  readonly heldOutLoss: number | null;
  readonly temperature: number;
  readonly seconds: number;
  readonly history: readonly TrainingStep[];
}

/** @throws {EngineError} E_USAGE for data or a checkpoint that do not fit, E_DISK; interrupted, what was learned is saved */
export async function runTower(
  config: TowerConfig,
  { folder, modelsRoot = modelsDir(), nThread, onPicture, onData, ...course }: TowerOptions,
): Promise<TowerResult> {
  const encoder = await loadLocalImageEncoder(config.encoder, modelsRoot);
  const text = await loadLocalEncoder(config.text, {}, modelsRoot);
  await makeFolder(folder);
  const { signal } = course;
  const data = await readTowerData(config, encoder, text, { folder, signal, onPicture });
  onData(data);
  const { seed, model, training: options } = config;
  const { nFeature, labels } = encoder.manifest.config;
  const { nEmbd } = text.manifest.config;
  const nPair = options.pairs;
  const start =
    model.start === 'random'
      ? null
      : {
          classes: await readClasses(join(modelsRoot, config.encoder), encoder.manifest),
          vectors: await embedTexts(text, labels, signal),
          scale: data.scale,
        };
  const program = {
    tower: { nIn: nFeature + N_CONSTANT, nHidden: model.hidden, nEmbd },
    ...{ nPair, nThread },
    optimizer: { ...OPTIMIZER, weightDecay: options.weightDecay, maxNorm: options.maxNorm },
  };
  const training = await TowerTraining.start(program, (weights) =>
    firstWeights(weights, { seed, temperature: options.temperature, labels: start }),
  );
  try {
    const held = validationBatches(data.validation, nPair).map((pairs) =>
      batchOf(pairs, data, { drawn: null }),
    );
    const batch = (step: number) => {
      const pairs = pairsOf(data.train, { seed, step, nPair });
      return batchOf(pairs, data, {
        drawn: { seed: seed * options.steps + step, dropout: options.dropout },
      });
    };
    const evaluate = (): number | null => training.evaluate(held);
    const encoders = [encoder, text].map(({ manifest }) =>
      hashOfHashes(manifest.shards.map(({ sha256 }) => sha256)),
    );
    const { history, seconds } = await runCourse(
      {
        ...{ training, evaluate, fingerprint: fingerprintOf(config, data, encoders) },
        checkpoint: join(folder, 'checkpoint.safetensors'),
        learn: (step, rate) => training.step(batch(step), rate),
        ...{ nToken: nPair, nFlop: training.program.plan.nFlop },
      },
      options,
      course,
    );
    const tower = await learnedTower(training, data.scale, encoder.manifest, text.manifest);
    await writeTower(folder, tower);
    await writeFile(join(folder, 'history.json'), `${JSON.stringify(history)}\n`);
    return {
      ...{ folder, steps: training.nStep, nStep: options.steps, nWeight: training.nWeight },
      loss: history.at(-1)?.loss ?? NaN,
      heldOutLoss: history.at(-1)?.heldOutLoss ?? evaluate(),
      ...{ temperature: 1 / tower.facts.scale, seconds, history },
    };
  } finally {
    await training.close();
  }
}

/** Whole batches in which no caption stands twice. */
function validationBatches(pairs: readonly TowerPair[], nPair: number): TowerPair[][] {
  const batches: TowerPair[][] = [];
  let open: TowerPair[] = [];
  for (const pair of pairs) {
    if (open.some(({ text }) => text === pair.text)) continue;
    open.push(pair);
    if (open.length < nPair) continue;
    batches.push(open);
    open = [];
    if (batches.length === MAX_BATCHES) break;
  }
  return batches;
}

/** Of all that decides a training's weights. */
function fingerprintOf(
  { data: _files, ...rest }: TowerConfig,
  { train, validation }: TowerData,
  encoders: readonly string[],
): string {
  const hash = createHash('sha256').update(JSON.stringify([rest, encoders]));
  for (const { sha256, text } of [...train, ...validation]) hash.update(`${sha256} ${text}\n`);
  return hash.digest('hex');
}
