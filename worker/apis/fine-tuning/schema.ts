/** Fine-tuning jobs in OpenAI's shapes. */
import { z } from 'zod';
import type { RefusedParameter } from '../../http/body/refused.ts';
import { metadataField, strictField } from '../../serving/fields/common.ts';
import {
  jobErrorSchema,
  MAX_BATCH,
  MAX_BETA,
  MAX_EPOCHS,
  MAX_RATE_MULTIPLIER,
  MAX_SEED,
  METHODS,
  STATUSES,
} from './trainer-protocol.ts';

const MAX_MODEL_CHARS = 200;
/** With eight digits after it, a suffix is the name of an adapter. */
const SUFFIX = /^[a-z0-9][a-z0-9.-]{0,39}$/;

const auto = z.literal('auto');
const epochs = z.number().int().min(1).max(MAX_EPOCHS);
const batch = z.number().int().min(1).max(MAX_BATCH);
const multiplier = z.number().positive().max(MAX_RATE_MULTIPLIER);
const beta = z.number().positive().max(MAX_BETA);

const common = {
  n_epochs: z.union([auto, epochs]).default('auto'),
  batch_size: z.union([auto, batch]).default('auto'),
  learning_rate_multiplier: z.union([auto, multiplier]).default('auto'),
};
const supervisedFields = z.strictObject(common);
const dpoFields = z.strictObject({ ...common, beta: z.union([auto, beta]).default('auto') });
export type Hyperparameters = z.output<typeof supervisedFields> &
  Partial<Pick<z.output<typeof dpoFields>, 'beta'>>;

const methodField = z.discriminatedUnion(
  'type',
  [
    z.strictObject({
      type: z.literal('supervised'),
      supervised: z.strictObject({ hyperparameters: supervisedFields.optional() }).optional(),
    }),
    z.strictObject({
      type: z.literal('dpo'),
      dpo: z.strictObject({ hyperparameters: dpoFields.optional() }).optional(),
    }),
  ],
  { error: `expected "type" to be "${METHODS.join('" or "')}"; other methods are not supported` },
);

export const jobBodySchema = z
  .looseObject({
    model: z.string().min(1).max(MAX_MODEL_CHARS),
    training_file: z.string().min(1),
    validation_file: z.string().min(1).nullish(),
    method: methodField.optional(),
    hyperparameters: supervisedFields.optional(),
    suffix: z
      .string()
      .transform((text) => text.toLowerCase())
      .pipe(
        z
          .string()
          .regex(
            SUFFIX,
            'expected 1 to 40 letters, digits, dots or dashes, with no dot or dash first',
          ),
      )
      .nullish(),
    seed: z.number().int().min(0).max(MAX_SEED).nullish(),
    metadata: metadataField.nullish(),
    strict: strictField,
  })
  .meta({ id: 'FineTuningJobRequest' });
export type JobBody = z.output<typeof jobBodySchema>;

export const JOB_REFUSED: readonly RefusedParameter[] = [{ name: 'integrations' }];

const time = z.number().int().nullable();
const numbers = { n_epochs: epochs, batch_size: batch, learning_rate_multiplier: multiplier };

export const jobSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('fine_tuning.job'),
    created_at: z.number().int(),
    error: jobErrorSchema.nullable(),
    fine_tuned_model: z.string().nullable().describe('what requests name, once it has succeeded'),
    finished_at: time,
    hyperparameters: z.strictObject(numbers),
    model: z.string(),
    organization_id: z.string(),
    result_files: z.array(z.string()).describe('losses of all steps, as CSV'),
    status: z.enum(STATUSES),
    trained_tokens: time,
    training_file: z.string(),
    validation_file: z.string().nullable(),
    integrations: z.array(z.never()),
    seed: z.number().int(),
    estimated_finish: time,
    method: z.union([
      z.strictObject({
        type: z.literal('supervised'),
        supervised: z.strictObject({ hyperparameters: z.strictObject(numbers) }),
      }),
      z.strictObject({
        type: z.literal('dpo'),
        dpo: z.strictObject({ hyperparameters: z.strictObject({ ...numbers, beta }) }),
      }),
    ]),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'FineTuningJob' });
export type JobJson = z.output<typeof jobSchema>;

export const checkpointSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('fine_tuning.job.checkpoint'),
    created_at: z.number().int(),
    fine_tuning_job_id: z.string(),
    fine_tuned_model_checkpoint: z.string(),
    step_number: z.number().int(),
    metrics: z.strictObject({
      step: z.number(),
      train_loss: z.number().optional(),
      valid_loss: z.number().optional(),
    }),
  })
  .meta({ id: 'FineTuningJobCheckpoint' });
export type CheckpointJson = z.output<typeof checkpointSchema>;
