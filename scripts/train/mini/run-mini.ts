/** The training of the small model of three modalities: steps, what is measured on the way, checkpoints, its end. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { frameValues } from '../../../engine/audio/frame-vectors.ts';
import type { DecoderShape } from '../../../engine/train/decoder.ts';
import { rateAt } from '../../../engine/train/schedule.ts';
import { patchCount, patchValues } from '../../../engine/vision/patches.ts';
import { readCheckpoint, writeCheckpoint } from '../checkpoint.ts';
import { shapeOf } from '../run-training.ts';
import { Training } from '../training.ts';
import { type MiniConfig, type MiniStage, stagesOf } from './config.ts';
import { type Evaluation, evaluate } from './evaluate.ts';
import { type PastStep, readHistory, writeHistory } from './history.ts';
import { mixtureBatch } from './mixture.ts';
import { sinePlaces } from './places.ts';
import { type DataPaths, type OpenedSources, openSources } from './sources/index.ts';
import { openVocabulary, type Vocabulary } from './vocabulary.ts';

export interface MiniStep extends PastStep {
  readonly nStep: number;
  readonly rate: number;
  readonly rowsPerSecond: number;
  readonly secondsLeft: number;
}

export interface MiniRun {
  readonly config: MiniConfig;
  readonly vocabulary: Vocabulary;
  readonly opened: OpenedSources;
  readonly training: Training;
  readonly shape: DecoderShape;
  /** Of the whole training. */
  readonly nStep: number;
  /** From the first step on, those before a cut, too. */
  readonly history: readonly PastStep[];
  readonly evaluation: Evaluation;
  readonly seconds: number;
}

export interface MiniOptions {
  /** The text of a tokenizer.json with the markers of vocabulary.ts. */
  readonly tokenizerJson: string;
  readonly paths: DataPaths;
  /** For checkpoints. */
  readonly folder: string;
  readonly nThread: number;
  readonly minutes: number | null;
  readonly signal: AbortSignal;
  readonly onSources: (opened: OpenedSources) => void;
  readonly onStep: (step: MiniStep) => void;
}

const IMAGE_PLACES = 'projectors.image.positions.weight';

export function miniShape(config: MiniConfig, nToken: number): DecoderShape {
  const { image, audio } = config;
  return {
    ...shapeOf(config, nToken),
    labelLayer: config.training.labelLayer,
    projectors: [
      { name: 'image', nIn: patchValues(image), nPosition: patchCount(image) },
      { name: 'audio', nIn: frameValues(audio), nPosition: audio.most },
    ],
  };
}

/**
 * Trains until the last step, the end of the time or a signal, then calls `finish`, while the weights are in memory.
 * @throws {EngineError} E_USAGE for a checkpoint of something else, and for losses that are no numbers
 */
export async function runMini<T>(
  config: MiniConfig,
  options: MiniOptions,
  finish: (run: MiniRun) => Promise<T>,
): Promise<T> {
  const { folder, nThread, minutes, signal, onStep } = options;
  const vocabulary = openVocabulary(options.tokenizerJson);
  await mkdir(folder, { recursive: true });
  const stages: OpenedStage[] = [];
  for (const stage of stagesOf(config)) {
    const opened = await openSources({
      ...{ config: stage.config, vocabulary, paths: options.paths, cache: folder },
    });
    stages.push({ ...stage, opened });
  }
  const { opened } = stages.at(-1);
  options.onSources(opened);
  const sources = opened.sources.map(({ source }) => source);
  const shape = miniShape(config, vocabulary.nToken);
  const { rows, schedule, evaluateEvery, saveEvery } = config.training;
  const { beta2, weightDecay, maxNorm, evaluated, evaluatedAtEnd } = config.training;
  const optimizer = { beta1: 0.9, beta2, eps: 1e-8, weightDecay, maxNorm };
  const nSequence = Math.ceil(rows / shape.nContext);
  const nStep = stages.reduce((sum, stage) => sum + stage.config.training.steps, 0);
  const training = await Training.start({ shape, nSequence, nThread, optimizer }, config.seed);
  for (const tensor of training.program.plan.graph.weights)
    if (tensor.name === IMAGE_PLACES) training.write(tensor, sinePlaces(config.image, tensor.nCol));
  try {
    const checkpoint = join(folder, 'checkpoint.safetensors');
    const fingerprint = fingerprintOf(options.tokenizerJson, stages);
    await readCheckpoint(checkpoint, training, fingerprint);
    const history: PastStep[] = await readHistory(folder, training.nStep);
    const save = async (): Promise<void> => {
      await writeHistory(folder, history);
      await writeCheckpoint(checkpoint, training, fingerprint);
    };
    const begin = performance.now();
    const firstStep = training.nStep;
    const isOver = (): boolean =>
      training.nStep >= nStep ||
      signal.aborted ||
      (minutes !== null && performance.now() - begin > minutes * 60_000);
    while (!isOver()) {
      const step = training.nStep;
      const before = performance.now();
      const stage = stages.findLast((one) => step >= one.firstStep)!;
      const { batch } = mixtureBatch(stage.opened.sources, {
        ...{ seed: config.seed, step, nRow: rows },
      });
      const { steps, rate, warmupSteps } = stage.config.training;
      const paced = { rate, nStep: steps, nWarmup: warmupSteps };
      const now = rateAt(schedule, step - stage.firstStep, paced);
      const { loss } = training.step([batch], now);
      const seconds = (performance.now() - before) / 1000;
      // A signal is heard between steps.
      await new Promise((resolve) => setImmediate(resolve));
      const isMeasured = training.nStep % evaluateEvery === 0 && training.nStep < nStep;
      const evaluation = isMeasured ? evaluate(training, sources, evaluated, rows) : null;
      const sinceFirst = (performance.now() - begin) / 1000 / (training.nStep - firstStep);
      const told = {
        ...{ step: training.nStep, nStep, loss, rate: now, evaluation },
        rowsPerSecond: batch.tokens.length / seconds,
        secondsLeft: sinceFirst * (nStep - training.nStep),
      };
      history.push(told);
      onStep(told);
      if (training.nStep % saveEvery === 0) await save();
    }
    await save();
    return await finish({
      ...{ config, vocabulary, opened, training, shape, nStep, history },
      evaluation: evaluate(training, sources, evaluatedAtEnd, rows),
      seconds: (performance.now() - begin) / 1000,
    });
  } finally {
    await training.close();
  }
}

interface OpenedStage extends MiniStage {
  readonly opened: OpenedSources;
}

/**
 * Of all that decides the weights but the number of the last steps, so that a training may be made longer or shorter.
 * Sources and voices that are missing change the mixture.
 */
function fingerprintOf(json: string, stages: readonly OpenedStage[]): string {
  const told = stages.map((stage, i) => {
    const { steps, rows, rate, warmupSteps, weightDecay, maxNorm, beta2, labelLayer } =
      stage.config.training;
    const training = { rows, rate, warmupSteps, weightDecay, maxNorm, beta2, labelLayer };
    const names = stage.opened.sources.map(
      ({ source: { name, about } }) => `${name}: ${about.what}`,
    );
    const isLast = i === stages.length - 1;
    return [{ ...stage.config, training }, names, isLast ? null : steps];
  });
  return createHash('sha256').update(JSON.stringify(told)).update(json).digest('hex');
}
