/** Bindings of batches. */
import { endpointWith } from '../../http/endpoint.ts';
import type { FilesEnv } from '../files/env.ts';
import type { BatchRunner } from './batch-runner.ts';

export interface BatchesEnv extends FilesEnv {
  readonly BATCHES: DurableObjectNamespace<BatchRunner>;
}

export const defineBatchEndpoint = endpointWith<BatchesEnv>();
