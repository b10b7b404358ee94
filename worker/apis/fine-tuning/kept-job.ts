/** A job as its owner's record keeps it, brought up to date with what the trainer tells. */
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import type { Caller } from '../../platform/caller.ts';
import { FileWriter } from '../files/file-writer.ts';
import { appendItems, readRecord, updateRecord } from '../records/records.ts';
import { hasTrainer, readMetrics, readProgress } from './ask-trainer.ts';
import type { FineTuningEnv } from './env.ts';
import type { CheckpointJson, Hyperparameters, JobBody, JobJson } from './schema.ts';
import { checkpointName, isFinal } from './trainer-protocol.ts';
import type { JobProgress, JobSpec } from './trainer-protocol.ts';

export interface KeptJob {
  readonly job: JobJson;
  /** The adapter's name, after the base and the colon. */
  readonly adapter: string;
  /** Id that the file of losses gets: written twice, it is the same file. */
  readonly resultFile: string;
  /** Events of the record so far. */
  readonly nEvent: number;
  /** What had been learned after the last epochs, the oldest first; none before the end. */
  readonly checkpoints: readonly CheckpointJson[];
}

/** Hyperparameters where nothing else is asked for; those of `thimble finetune`. */
const DEFAULTS = {
  epochs: 3,
  batch: 8,
  rateMultiplier: 1,
  beta: 0.1,
  seed: 1,
  suffix: 'ft',
} as const;
/** Digits of the job's id, which are random at its end, in the adapter's name. */
const N_NAME_DIGIT = 8;

const numberOr = (value: number | 'auto' | undefined, otherwise: number): number =>
  value === undefined || value === 'auto' ? otherwise : value;

/** Those of the method come before those of the older form. */
function hyperparametersOf({ method, hyperparameters }: JobBody): Partial<Hyperparameters> {
  const ofMethod =
    method?.type === 'dpo' ? method.dpo?.hyperparameters : method?.supervised?.hyperparameters;
  return ofMethod ?? hyperparameters ?? {};
}

/**
 * A request as the numbers that the trainer takes.
 * @param model id of the base
 * @param validationFrom bytes of the training file, after which another one follows; null without one
 */
export function specOf(
  id: string,
  model: string,
  body: JobBody,
  validationFrom: number | null,
): JobSpec {
  const { method, suffix, seed } = body;
  const given = hyperparametersOf(body);
  return {
    ...{ id, model, adapter: `${suffix ?? DEFAULTS.suffix}-${id.slice(-N_NAME_DIGIT)}` },
    method: method?.type ?? 'supervised',
    epochs: numberOr(given.n_epochs, DEFAULTS.epochs),
    batch: numberOr(given.batch_size, DEFAULTS.batch),
    rateMultiplier: numberOr(given.learning_rate_multiplier, DEFAULTS.rateMultiplier),
    beta: numberOr(given.beta, DEFAULTS.beta),
    ...{ seed: seed ?? DEFAULTS.seed, validationFrom },
  };
}

/** A job that has just been asked for. @param nowS seconds since 1970 */
export function newJob(spec: JobSpec, body: JobBody, subject: string, nowS: number): JobJson {
  const { id, model, method, epochs, batch, rateMultiplier, beta, seed } = spec;
  const numbers = {
    ...{ n_epochs: epochs, batch_size: batch, learning_rate_multiplier: rateMultiplier },
  };
  return {
    ...{ id, object: 'fine_tuning.job', created_at: nowS, error: null, fine_tuned_model: null },
    ...{ finished_at: null, hyperparameters: numbers, model, organization_id: subject },
    ...{ result_files: [], status: 'queued', trained_tokens: null },
    ...{ training_file: body.training_file, validation_file: body.validation_file ?? null },
    ...{ integrations: [], seed },
    estimated_finish: null,
    method:
      method === 'dpo'
        ? { type: 'dpo', dpo: { hyperparameters: { ...numbers, beta } } }
        : { type: 'supervised', supervised: { hyperparameters: numbers } },
    metadata: body.metadata ?? {},
  };
}

/** A job after what the trainer told; `resultFile` is there where it has succeeded. */
export function withProgress(kept: KeptJob, progress: JobProgress): KeptJob {
  const { job, adapter, resultFile } = kept;
  const { status, error, finishedAt, estimatedFinish, tokens, events } = progress;
  const isDone = status === 'succeeded';
  const model = adapterModelId(job.model, adapter);
  return {
    ...kept,
    nEvent: events.length,
    job: {
      ...{ ...job, status, error, finished_at: finishedAt, estimated_finish: estimatedFinish },
      ...{ trained_tokens: isDone ? tokens : null, fine_tuned_model: isDone ? model : null },
      result_files: isDone ? [resultFile] : [],
    },
    checkpoints: isDone ? checkpointsOf(kept, progress) : [],
  };
}

/** All are served: the last one is the fine-tuned model. */
function checkpointsOf({ job, adapter }: KeptJob, progress: JobProgress): CheckpointJson[] {
  return progress.checkpoints.map((one) => ({
    id: `${job.id.replace('ftjob-', 'ftckpt-')}-${one.step}`,
    object: 'fine_tuning.job.checkpoint',
    ...{ created_at: one.createdAt, fine_tuning_job_id: job.id },
    fine_tuned_model_checkpoint: adapterModelId(
      job.model,
      checkpointName({ adapter }, one, progress.steps),
    ),
    step_number: one.step,
    metrics: {
      ...{ step: one.step, train_loss: one.loss },
      ...(one.heldOutLoss === null ? {} : { valid_loss: one.heldOutLoss }),
    },
  }));
}

/** A job that the trainer knows nothing of: its folder was deleted, or it was restored from a backup. */
export function lost(kept: KeptJob, nowS: number): KeptJob {
  const error = {
    code: 'E_NOT_FOUND',
    message: 'job: the trainer does not have it any more. Create it again.',
    param: null,
  };
  return { ...kept, job: { ...kept.job, status: 'failed', error, finished_at: nowS } };
}

/** @throws {EngineError} E_NOT_FOUND */
export async function readJob(env: FineTuningEnv, caller: Caller, id: string): Promise<KeptJob> {
  const kept = await readRecord<KeptJob>(env, caller, 'fine-tuning job', id);
  // Without a trainer it is told as it was last known.
  if (isFinal(kept.job.status) || !hasTrainer(env)) return kept;
  return await noteProgress(env, caller, kept, await readProgress(env, id));
}

/** Keeps what the trainer told. */
export async function noteProgress(
  env: FineTuningEnv,
  caller: Caller,
  kept: KeptJob,
  progress: JobProgress | null,
): Promise<KeptJob> {
  const { id } = kept.job;
  const changed =
    progress === null ? lost(kept, Math.floor(Date.now() / 1000)) : withProgress(kept, progress);
  const events = progress?.events.slice(kept.nEvent) ?? [];
  // Of two requests that do the same at a time, both write the same.
  if (events.length > 0) await appendItems(env, caller, 'fine-tuning job', id, events);
  if (changed.job.status === 'succeeded') await writeMetrics(env, caller, changed);
  await updateRecord(env, caller, 'fine-tuning job', id, changed);
  return changed;
}

async function writeMetrics(env: FineTuningEnv, caller: Caller, kept: KeptJob): Promise<void> {
  const { resultFile, job } = kept;
  const bytes = new TextEncoder().encode(await readMetrics(env, job.id));
  const writer = new FileWriter(env, {
    ...{ owner: caller, id: resultFile, filename: `${job.id}_step_metrics.csv` },
    purpose: 'fine-tune-results',
  });
  try {
    await writer.write(bytes);
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
