/** Bindings of everything that a subject keeps. */
import { endpointWith } from '../../http/endpoint.ts';
import type { BatchesEnv } from '../batches/env.ts';
import type { TrainerEnv } from '../fine-tuning/env.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { ResponsesEnv } from '../responses/env.ts';
import type { CollectionsEnv } from '../retrieval/env.ts';
import type { SessionsEnv } from '../sessions/env.ts';
import type { ServingEnv } from '../../serving/env.ts';

/** What holds content of subjects. */
export type KeptEnv = BatchesEnv &
  ResponsesEnv &
  CollectionsEnv &
  SessionsEnv &
  RecordsEnv &
  TrainerEnv;

export const defineSubjectEndpoint = endpointWith<ServingEnv & KeptEnv>();
