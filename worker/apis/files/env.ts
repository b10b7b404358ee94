/** Where uploaded files, and the lists of batches and collections, are kept. */
import { endpointWith } from '../../http/endpoint.ts';

export interface FilesEnv {
  /** Each kind has a prefix of its own. */
  readonly FILES: R2Bucket;
}

export const defineFileEndpoint = endpointWith<FilesEnv>();
