/** Bindings of fine-tuning jobs. */
import { endpointWith } from '../../http/endpoint.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { FilesEnv } from '../files/env.ts';
import type { RecordsEnv } from '../records/env.ts';

export interface TrainerEnv {
  /** Trains, in the process that serves; absent in a deployment. */
  readonly TRAINER?: Fetcher;
  readonly TRAINER_TOKEN?: string;
}

export interface FineTuningEnv extends FilesEnv, RecordsEnv, TrainerEnv {}

export const defineFineTuningEndpoint = endpointWith<ServingEnv & FineTuningEnv>();
