/** Bindings of uploaded files, and of the lists of batches and collections. */
import type { AccessEnv } from '../../access/env.ts';
import { endpointWith } from '../../http/endpoint.ts';

export interface FilesEnv extends AccessEnv {
  /** Each kind has its own prefix of keys. */
  readonly FILES: R2Bucket;
}

export const defineFileEndpoint = endpointWith<FilesEnv>();
