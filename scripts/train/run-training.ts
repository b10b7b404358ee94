/** A training from its configuration to a model: steps, held-out losses, checkpoints, what is told on the way. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import type { TrainingConfig } from './config.ts';
import { type CourseOptions, runCourse } from './course.ts';
import { exportModel } from './export-model.ts';
import { trainingReport } from './report.ts';
import type { RunResult } from './result.ts';
import { heldOutBatches, readTokenData, trainBatches, type TokenData } from './token-data.ts';
import { Training } from './training.ts';
import { writeSamples } from './write-samples.ts';

const ROPE_BASE = 10_000;
const NORM_EPS = 1e-5;
export const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8 };
/** Held-out batches of an evaluation. */
const MAX_BATCHES = 20;
const N_SAMPLE = 3;
const PROMPT_TOKENS = 16;
/** Matrices of the feed-forward part are made a multiple of it. */
const FFN_UNIT = 32;

export interface RunOptions extends CourseOptions {
  /** Where checkpoints and the model go. */
  readonly folder: string;
  readonly nThread: number;
  readonly onData: (data: TokenData) => void;
}

export function shapeOf({ model }: Pick<TrainingConfig, 'model'>, nVocab: number): DecoderShape {
  const { layers, dim, heads, kvHeads = heads, context } = model;
  const ffnDim = model.ffnDim ?? Math.ceil((dim * 8) / 3 / FFN_UNIT) * FFN_UNIT;
  return {
    ...{ nLayer: layers, dim, nHead: heads, nKvHead: kvHeads, ffnDim, nVocab },
    ...{ nContext: context, ropeBase: ROPE_BASE, normEps: NORM_EPS },
  };
}

/** @throws {EngineError} E_USAGE for a configuration, data or a checkpoint that do not fit; E_ABORTED is not thrown: what was learned is saved */
export async function runTraining(
  config: TrainingConfig,
  { folder, nThread, signal, minutes, onStep, onData }: RunOptions,
): Promise<RunResult> {
  const data = await readTokenData(config);
  onData(data);
  const shape = shapeOf(config, data.tokenizer.nVocab);
  const { sequences, sequencesAtOnce: atOnce = sequences, ...rates } = config.training;
  const optimizer = {
    ...OPTIMIZER,
    ...{ weightDecay: rates.weightDecay, maxNorm: rates.maxNorm },
  };
  const training = await Training.start(
    { shape, nSequence: atOnce, nThread, optimizer },
    config.seed,
  );
  try {
    await mkdir(folder, { recursive: true });
    const nContext = shape.nContext;
    const evaluate = (): number | null =>
      data.heldOut.length <= nContext
        ? null
        : training.evaluate(heldOutBatches(data.heldOut, atOnce, nContext, MAX_BATCHES));
    const course = {
      ...{ training, evaluate, fingerprint: fingerprintOf(config, data) },
      checkpoint: join(folder, 'checkpoint.safetensors'),
      learn: (step: number, rate: number) => {
        const order = { seed: config.seed, step, nSequence: sequences, atOnce, nContext };
        return training.step(trainBatches(data.train, order), rate);
      },
      nToken: sequences * nContext,
      nFlop: training.program.plan.nFlop * (sequences / atOnce),
    };
    const told = { signal, minutes, onStep };
    const { history, seconds } = await runCourse(course, config.training, told);
    const modelFolder = join(folder, 'model');
    await exportModel(modelFolder, training, shape, {
      ...{ json: data.tokenizerJson, endId: data.endId },
    });
    const last = history.at(-1);
    const result: RunResult = {
      ...{ steps: training.nStep, loss: last?.loss ?? NaN, modelFolder, history },
      heldOutLoss: last?.heldOutLoss ?? evaluate(),
      nWeight: training.program.plan.graph.weights.reduce(
        (n, { nRow, nCol }) => n + nRow * nCol,
        0,
      ),
      tokens: training.nStep * sequences * nContext,
      seconds,
      reportFile: join(folder, 'report.html'),
    };
    const samples = await writeSamples(modelFolder, promptsOf(data), config.seed);
    await writeFile(result.reportFile, trainingReport(config, data, result, samples));
    return result;
  } finally {
    await training.close();
  }
}

/** Beginnings of texts that were held out, or learned from where none were. */
function promptsOf({ tokenizer, heldOut, train, endId }: TokenData): string[] {
  const ids = heldOut.length > PROMPT_TOKENS ? heldOut : train;
  const starts = [0];
  for (let i = 0; i < ids.length && starts.length < N_SAMPLE; i++)
    if (ids[i] === endId && i + PROMPT_TOKENS < ids.length) starts.push(i + 1);
  return starts.map((at) => tokenizer.decode([...ids.subarray(at, at + PROMPT_TOKENS)]));
}

/** Of all that decides a training's weights but their number of steps. */
function fingerprintOf(config: TrainingConfig, data: TokenData): string {
  const { data: _files, ...rest } = config;
  const hash = createHash('sha256').update(JSON.stringify(rest)).update(data.tokenizerJson);
  return hash.update(data.train).update(data.heldOut).digest('hex');
}
