/** Bindings of collections of documents. */
import { endpointWith } from '../../http/endpoint.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { FilesEnv } from '../files/env.ts';
import type { CollectionObject } from './object/collection-object.ts';

export interface CollectionsEnv {
  readonly COLLECTIONS: DurableObjectNamespace<CollectionObject>;
}

/** Bindings of a search: the collection's object, and a model that embeds the query. */
export type RetrievalEnv = ServingEnv & CollectionsEnv;

export const defineRetrievalEndpoint = endpointWith<RetrievalEnv & FilesEnv>();
