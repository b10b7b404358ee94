/**
 * What the gateway and the trainer of a local server say to each other. The trainer is a function of the process that
 * serves (scripts/finetune/jobs/trainer.ts), bound as a service; a deployment has none.
 *
 * `POST /jobs` with the rows as the body, those to measure on after those to learn from, and the spec in a header; `GET /jobs/ID`, `GET /jobs/ID/metrics`,
 * `POST /jobs/ID/cancel`, `DELETE /jobs/ID`.
 */
import { z } from 'zod';
import { isObjectId, newObjectId } from '../../platform/storage/object-id.ts';

const JOB_PREFIX = 'ftjob-';
export const newJobId = (): string => newObjectId(JOB_PREFIX);
export const isJobId = (id: string): boolean => isObjectId(JOB_PREFIX, id);

/** The spec as JSON, percent-encoded. */
export const SPEC_HEADER = 'x-trainer-spec';
/** Says that it is the gateway that asks: another program of this machine does not know it. */
export const TOKEN_HEADER = 'x-trainer-token';

export const METHODS = ['supervised', 'dpo'] as const;
export type Method = (typeof METHODS)[number];

/** OpenAI's limits. */
export const MAX_EPOCHS = 50;
export const MAX_BATCH = 256;
export const MAX_BETA = 2;
export const MAX_SEED = 2 ** 31 - 1;
/** So that no rate is above 0.05. */
export const MAX_RATE_MULTIPLIER = 100;

const count = z.number().int().min(0);

/** A job in numbers: nothing is left to choose. */
export const specSchema = z.strictObject({
  id: z.string().refine(isJobId),
  /** Id of the base. */
  model: z.string(),
  /** What the base is called with it, after the colon. */
  adapter: z.string(),
  method: z.enum(METHODS),
  epochs: count.min(1).max(MAX_EPOCHS),
  batch: count.min(1).max(MAX_BATCH),
  /** The usual rate of the method counts as often. */
  rateMultiplier: z.number().positive().max(MAX_RATE_MULTIPLIER),
  beta: z.number().positive().max(MAX_BETA),
  seed: count.max(MAX_SEED),
  /** Bytes of the rows to learn from, after which rows to measure on follow; null without any. */
  validationFrom: count.nullable().default(null),
});
export type JobSpec = z.output<typeof specSchema>;

const time = count.nullable();

/** An event of a job, as OpenAI has it. */
export const eventSchema = z
  .strictObject({
    object: z.literal('fine_tuning.job.event'),
    id: z.string(),
    created_at: count,
    level: z.enum(['info', 'warn', 'error']),
    message: z.string(),
    type: z.enum(['message', 'metrics']),
    data: z.record(z.string(), z.number()),
  })
  .meta({ id: 'FineTuningJobEvent' });
export type EventJson = z.output<typeof eventSchema>;

export const jobErrorSchema = z.strictObject({
  code: z.string(),
  message: z.string(),
  param: z.string().nullable(),
});

export const STATUSES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;

/** Epochs after which an adapter is kept. */
export const MAX_CHECKPOINTS = 3;

/** What was learned up to the end of an epoch. */
const checkpointProgress = z.strictObject({
  ...{ epoch: count, step: count, createdAt: count },
  ...{ loss: z.number(), heldOutLoss: z.number().nullable() },
});
export type CheckpointProgress = z.output<typeof checkpointProgress>;

/** The adapter's name of a checkpoint; that of the last step is the job's own. */
export const checkpointName = (
  { adapter }: Pick<JobSpec, 'adapter'>,
  { step }: Pick<CheckpointProgress, 'step'>,
  nStep: number,
): string => (step === nStep ? adapter : `${adapter}-step-${step}`);

/** How far the trainer is with a job. Times are in seconds since 1970. */
export const progressSchema = z.strictObject({
  status: z.enum(STATUSES),
  error: jobErrorSchema.nullable(),
  finishedAt: time,
  /** An estimate, while it runs. */
  estimatedFinish: time,
  /** Steps so far, the tokens that they saw, and their last losses; null before there are any. */
  steps: count,
  tokens: time,
  loss: z.number().nullable(),
  heldOutLoss: z.number().nullable(),
  /** After the last epochs, the oldest first. */
  checkpoints: z.array(checkpointProgress).default([]),
  /** The oldest first. */
  events: z.array(eventSchema),
});
export type JobProgress = z.output<typeof progressSchema>;

const FINAL: ReadonlySet<string> = new Set<JobProgress['status']>([
  'succeeded',
  'failed',
  'cancelled',
]);
export const isFinal = (status: string): boolean => FINAL.has(status);
