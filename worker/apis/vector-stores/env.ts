/** Bindings of vector stores: their records, their collections, and the files that are put into them. */
import { endpointWith } from '../../http/endpoint.ts';
import type { FilesEnv } from '../files/env.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { RetrievalEnv } from '../retrieval/env.ts';

export type VectorStoresEnv = RetrievalEnv & FilesEnv & RecordsEnv;

export const defineVectorStoreEndpoint = endpointWith<VectorStoresEnv>();
