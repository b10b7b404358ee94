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
import type { MiniConfig } from './config.ts';
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
  const opened = await openSources({ config, vocabulary, paths: options.paths, cache: folder });
  options.onSources(opened);
  const sources = opened.sources.map(({ source }) => source);
  const shape = miniShape(config, vocabulary.nToken);
  const { steps, rows, rate, warmupSteps, schedule, evaluateEvery, saveEvery } = config.training;
  const { beta2, weightDecay, maxNorm, evaluated, evaluatedAtEnd } = config.training;
  const optimizer = { beta1: 0.9, beta2, eps: 1e-8, weightDecay, maxNorm };
  const nSequence = Math.ceil(rows / shape.nContext);
  const training = await Training.start({ shape, nSequence, nThread, optimizer }, config.seed);
  for (const tensor of training.program.plan.graph.weights)
    if (tensor.name === IMAGE_PLACES) training.write(tensor, sinePlaces(config.image, tensor.nCol));
  try {
    const checkpoint = join(folder, 'checkpoint.safetensors');
    const fingerprint = fingerprintOf(config, options.tokenizerJson, opened);
    await readCheckpoint(checkpoint, training, fingerprint);
    const history: PastStep[] = await readHistory(folder, training.nStep);
    const save = async (): Promise<void> => {
      await writeHistory(folder, history);
      await writeCheckpoint(checkpoint, training, fingerprint);
    };
    const begin = performance.now();
    const firstStep = training.nStep;
    const isOver = (): boolean =>
      training.nStep >= steps ||
      signal.aborted ||
      (minutes !== null && performance.now() - begin > minutes * 60_000);
    while (!isOver()) {
      const step = training.nStep;
      const before = performance.now();
      const { batch } = mixtureBatch(opened.sources, { seed: config.seed, step, nRow: rows });
      const now = rateAt(schedule, step, { rate, nStep: steps, nWarmup: warmupSteps });
      const { loss } = training.step([batch], now);
      const seconds = (performance.now() - before) / 1000;
      // A signal is heard between steps.
      await new Promise((resolve) => setImmediate(resolve));
      const isMeasured = training.nStep % evaluateEvery === 0 && training.nStep < steps;
      const evaluation = isMeasured ? evaluate(training, sources, evaluated, rows) : null;
      const sinceFirst = (performance.now() - begin) / 1000 / (training.nStep - firstStep);
      const told = {
        ...{ step: training.nStep, nStep: steps, loss, rate: now, evaluation },
        rowsPerSecond: batch.tokens.length / seconds,
        secondsLeft: sinceFirst * (steps - training.nStep),
      };
      history.push(told);
      onStep(told);
      if (training.nStep % saveEvery === 0) await save();
    }
    await save();
    return await finish({
      ...{ config, vocabulary, opened, training, shape, history },
      evaluation: evaluate(training, sources, evaluatedAtEnd, rows),
      seconds: (performance.now() - begin) / 1000,
    });
  } finally {
    await training.close();
  }
}

/**
 * Of all that decides the weights but the number of steps, so that a training may be made longer or shorter. Sources and
 * voices that are missing change the mixture.
 */
function fingerprintOf(config: MiniConfig, json: string, { sources }: OpenedSources): string {
  const { rows, rate, warmupSteps, weightDecay, maxNorm, beta2, labelLayer } = config.training;
  const training = { rows, rate, warmupSteps, weightDecay, maxNorm, beta2, labelLayer };
  const names = sources.map(({ source: { name, about } }) => `${name}: ${about.what}`);
  return createHash('sha256')
    .update(JSON.stringify([{ ...config, training }, names]))
    .update(json)
    .digest('hex');
}
