/** Searches a collection: embeds the query with the collection's model, then asks the collection's object. */
import type { Caller } from '../../platform/caller.ts';
import { unwrap } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Filter } from './object/filter.ts';
import type { SearchMode, SearchResult } from './object/search.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import type { EncoderModel } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { RetrievalEnv } from './env.ts';
import type { Collection } from './collection.ts';

export interface SearchRequest {
  readonly query: string;
  readonly mode: SearchMode;
  readonly top_k: number;
  readonly filter?: Filter | undefined;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_REQUEST_INVALID naming `param`; errors of the stage. */
export async function search(
  env: RetrievalEnv,
  caller: Caller,
  collection: Collection,
  { query, mode, top_k, filter }: SearchRequest,
  signal: AbortSignal,
  param = 'query',
): Promise<SearchResult[]> {
  const vector =
    mode === 'text' ? null : await vectorOf(env, caller, collection, query, signal, param);
  const found: unknown = await collection.stub.search(
    { requestId: caller.requestId },
    {
      ...{ mode, topK: top_k, text: query, vector },
      filter: filter ?? null,
    },
  );
  return unwrap(found as RpcAnswer<SearchResult[]>);
}

/** The model that made a collection's vectors. @throws {EngineError} */
export async function encoderOf(
  env: RetrievalEnv,
  { about }: Collection,
  caller: Caller,
): Promise<EncoderModel> {
  const model = await findEncoder(env, about.model, caller);
  const { nEmbd } = model.manifest.config;
  if (nEmbd === about.nEmbd) return model;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `collection: ${about.name} has vectors of ${about.nEmbd} values, but ${about.model} now makes ` +
      `${nEmbd}. Create a new collection and add the documents again.`,
    { param: 'name', details: { dimensions: about.nEmbd, model: nEmbd } },
  );
}

async function vectorOf(
  env: RetrievalEnv,
  caller: Caller,
  collection: Collection,
  query: string,
  signal: AbortSignal,
  param: string,
): Promise<Float32Array> {
  const model = await encoderOf(env, collection, caller);
  const ids = await textIds(model, [query], {
    inputType: 'query',
    truncate: true,
    nameOf: () => param,
  });
  const [vector] = await embed(env, caller, model, ids, { signal });
  return vector!;
}
