/** A fine-tuning in a form that PEFT can do as well: the base as floats, the first adapter, and tokens step by step. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { archByName, archTensors } from '../../engine/archs/index.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { f16ToF32, f32ToF16 } from '../../engine/quant/half.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { TARGETS, type Target } from '../../engine/train/adapter/base.ts';
import { rowOfHalves } from '../../engine/train/adapter/unpack.ts';
import { rateAt } from '../../engine/train/schedule.ts';
import { AdapterTraining } from '../../scripts/finetune/adapter-training.ts';
import type { Example } from '../../scripts/finetune/encode.ts';
import { objectiveOf } from '../../scripts/finetune/objectives.ts';
import { packPasses } from '../../scripts/finetune/pack.ts';
import type { RowForm } from '../../scripts/finetune/rows.ts';
import { writePeft } from '../../scripts/finetune/write-peft.ts';
import { writePrefix } from '../../scripts/finetune/write-prefix.ts';
import { encodeSafetensors } from '../../scripts/lib/encode-safetensors.ts';
import { OPTIMIZER, plainWeights } from './adapter-training.ts';
import { tinyHfConfig } from './tiny-llama.ts';

export interface PeftJob {
  readonly form: RowForm;
  readonly rank: number;
  readonly alpha: number;
  readonly targets?: readonly Target[];
  /** Positions of a prefix in place of matrices. */
  readonly prefix?: number;
  readonly rate: number;
  readonly nRow: number;
  readonly beta: number;
  readonly invocation: readonly number[] | null;
  /** The examples of every update. */
  readonly steps: readonly (readonly Example[])[];
}

/** Starts the training of a job. */
export async function startJob(
  source: ModelSource<DecoderManifest>,
  { rank, alpha, nRow, prefix: nPrefix = 0, targets = nPrefix === 0 ? TARGETS : [] }: PeftJob,
): Promise<AdapterTraining> {
  const adapter = { base: source.manifest, rank, alpha, targets, nRow, nPrefix };
  const program = { adapter, nThread: 2, optimizer: OPTIMIZER };
  const training = await AdapterTraining.start(program, source, 1);
  if (nPrefix === 0) return training;
  training.beginPrefix(Uint32Array.from({ length: nPrefix }, (_, i) => 20 + 3 * i));
  // As its file has them.
  for (const weight of training.program.plan.graph.weights)
    training.write(
      weight,
      training.read(weight).map((x) => f16ToF32(f32ToF16(x))),
    );
  return training;
}

/** Rates of the updates, and the losses that they have. */
export function runJob(
  training: AdapterTraining,
  { form, rate, beta, steps }: PeftJob,
): { readonly rates: number[]; readonly losses: number[] } {
  const objective = { beta, reference: new Map() };
  const schedule = { rate, nStep: steps.length, nWarmup: 2 };
  const rates = steps.map((_, step) => rateAt('cosine', step, schedule));
  const losses = steps.map((examples, step) => {
    let [loss, weight] = [0, 0];
    training.clear();
    for (const pass of packPasses(examples, training.nRow)) {
      const sum = objectiveOf(form, false).run(training, pass, objective, true);
      loss += sum.loss;
      weight += sum.weight;
    }
    training.step(rates[step]!, weight);
    return loss / weight;
  });
  return { rates, losses };
}

/** Writes FOLDER/base, FOLDER/adapter and FOLDER/job.json, with the losses that the kit has. */
export async function writeJob(
  folder: string,
  source: ModelSource<DecoderManifest>,
  job: PeftJob,
): Promise<void> {
  await writeBase(join(folder, 'base'), source);
  const training = await startJob(source, job);
  try {
    const { rank, alpha, invocation, targets = TARGETS } = job;
    const about = { model: 'base', rank, alpha, targets };
    const [to, card] = [join(folder, 'adapter'), 'The first weights.\n'];
    const { prefix } = job;
    if (prefix === undefined) await writePeft(to, training, about, invocation, card);
    else await writePrefix(to, training, { model: 'base', prefix }, card);
    const { rates, losses } = runJob(training, job);
    const steps = job.steps.map((examples) =>
      examples.map(({ texts }) =>
        texts.map(({ tokens, learned }) => ({ tokens: [...tokens], learned: [...learned] })),
      ),
    );
    const { form, beta } = job;
    const told = { form, beta, rates, losses, steps, isPrefix: prefix !== undefined };
    await writeFile(join(folder, 'job.json'), JSON.stringify(told));
  } finally {
    await training.close();
  }
}

/** The base as Hugging Face's folder of floats: what its stored weights are, rows of queries and keys in halves. */
async function writeBase(folder: string, source: ModelSource<DecoderManifest>): Promise<void> {
  const { architecture, config: c } = source.manifest;
  const plain = await plainWeights(source);
  const tensors = archTensors(archByName(architecture), c).flatMap(({ name, places }) => {
    const matrix = plain.get(name);
    if (matrix === undefined) return [];
    const { nRow, nCol, values } = matrix;
    const isTurned = /[qk]Proj$/.test(name) && c.ropePairing === 'adjacent';
    const storedRow = isTurned ? rowOfHalves(c.headDim) : (row: number): number => row;
    const out = new Float32Array(values.length);
    for (let row = 0; row < nRow; row++) {
      const at = storedRow(row) * nCol;
      out.set(values.subarray(at, at + nCol), row * nCol);
    }
    const shape = nRow === 1 ? [nCol] : [nRow, nCol];
    return [{ name: places.hf!.name, shape, values: out }];
  });
  await mkdir(folder, { recursive: true });
  const file = encodeSafetensors(tensors, { format: 'pt' });
  await writeFile(join(folder, 'model.safetensors'), file);
  const config = { ...tinyHfConfig(c), architectures: ['LlamaForCausalLM'], head_dim: c.headDim };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
}
