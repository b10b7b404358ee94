/** A training on pairs of texts from its configuration to a model whose mean rows are vectors of texts. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SECOND_TOWER } from '../../engine/train/pairs.ts';
import { makeFolder } from './checkpoint.ts';
import type { TrainingConfig } from './config.ts';
import { type CourseOptions, runCourse } from './course.ts';
import { exportModel } from './export-model.ts';
import { batchOf, heldOutPairs, type PairData, pairsOf, readPairData } from './pair-data.ts';
import { PairTraining } from './pair-training.ts';
import { pairsReport } from './report.ts';
import type { PairsResult } from './result.ts';
import { OPTIMIZER, shapeOf } from './run-training.ts';

/** Held-out batches of an evaluation. */
const MAX_BATCHES = 20;

export interface PairsOptions extends CourseOptions {
  /** Where checkpoints and the model go. */
  readonly folder: string;
  readonly nThread: number;
  readonly onData: (data: PairData) => void;
}

/** @throws {EngineError} E_USAGE for data or a checkpoint that do not fit, E_DISK; interrupted, what was learned is saved */
export async function runPairs(
  config: TrainingConfig,
  { folder, nThread, onData, ...course }: PairsOptions,
): Promise<PairsResult> {
  const data = await readPairData(config);
  onData(data);
  const { seed, training: options, contrastive } = config;
  const { towers: nTower, temperature } = contrastive;
  const nPair = options.sequences;
  const shape = shapeOf(config, data.tokenizer.nVocab);
  const optimizer = {
    ...{ ...OPTIMIZER, weightDecay: options.weightDecay, maxNorm: options.maxNorm },
  };
  const program = { pairs: { ...shape, nTower, temperature }, nPair, nThread, optimizer };
  const training = await PairTraining.start(program, seed);
  try {
    await makeFolder(folder);
    const { nContext } = shape;
    const held = () => heldOutPairs(data.heldOut, nPair, nContext, MAX_BATCHES);
    const evaluate = (): number | null =>
      data.heldOut.length < nPair ? null : training.evaluate(held()).loss;
    const { history, seconds } = await runCourse(
      {
        ...{ training, evaluate, fingerprint: fingerprintOf(config, data) },
        checkpoint: join(folder, 'checkpoint.safetensors'),
        learn: (step, rate) =>
          training.step(batchOf(pairsOf(data.train, { seed, step, nPair }), nContext), rate),
        ...{ nToken: 2 * nPair * nContext, nFlop: training.program.plan.nFlop },
      },
      options,
      course,
    );
    const tokenizer = { json: data.tokenizerJson, endId: data.endId };
    const modelFolder = join(folder, 'model');
    await exportModel(modelFolder, training, shape, tokenizer);
    if (nTower === 2)
      await exportModel(join(folder, 'model-b'), training, shape, tokenizer, SECOND_TOWER);
    const result: PairsResult = {
      ...{ steps: training.nStep, loss: history.at(-1)?.loss ?? NaN, modelFolder, history },
      heldOutLoss: history.at(-1)?.heldOutLoss ?? evaluate(),
      right: data.heldOut.length < nPair ? null : training.evaluate(held()).right,
      ...{ nWeight: training.nWeight, tokens: training.nStep * 2 * nPair * nContext, seconds },
      reportFile: join(folder, 'report.html'),
    };
    await writeFile(result.reportFile, pairsReport(config, data, result));
    return result;
  } finally {
    await training.close();
  }
}

/** Of all that decides a training's weights but their number of steps. */
function fingerprintOf(config: TrainingConfig, data: PairData): string {
  const { data: _files, ...rest } = config;
  const hash = createHash('sha256').update(JSON.stringify(rest)).update(data.tokenizerJson);
  for (const [a, b] of [...data.train, ...data.heldOut])
    hash.update(String(a.length)).update(a).update(b);
  return hash.digest('hex');
}
