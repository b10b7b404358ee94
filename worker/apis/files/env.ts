/** Bindings of uploaded files, and of the lists of batches and collections. */
import { endpointWith } from '../../http/endpoint.ts';

export interface FilesEnv {
  /** Each kind has its own prefix of keys. */
  readonly FILES: R2Bucket;
}

export const defineFileEndpoint = endpointWith<FilesEnv>();
