/** Searches a collection: embeds the query with the collection's model, then asks the collection's object. */
import type { Caller } from '../../platform/caller.ts';
import { unwrap } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Filter } from './object/filter.ts';
import type { SearchMode, SearchResult } from './object/search.ts';
import { embedPictures } from '../../serving/embedding/embed-pictures.ts';
import { sentPicture } from '../../serving/vision/fetch-picture.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import type { EncoderModel } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { RetrievalEnv } from './env.ts';
import { RERANKED, rerankPassages } from './rerank-passages.ts';
import type { RankedPassage } from './rerank-passages.ts';
import type { Collection } from './collection.ts';

export interface SearchRequest {
  /** Words, or else `image`. */
  readonly query?: string | undefined;
  /** A data: URL or an address of a picture that is searched by. */
  readonly image?: string | undefined;
  readonly mode: SearchMode;
  readonly top_k: number;
  readonly filter?: Filter | undefined;
  /** Id of a model that ranks the best passages again; false or undefined for none. */
  readonly rerank?: string | false | undefined;
}

/**
 * @param within path of the object that has the request's fields, with a full stop, for errors
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_REQUEST_INVALID naming the field; errors of the stage.
 */
export async function search(
  env: RetrievalEnv,
  caller: Caller,
  collection: Collection,
  { query = '', image, mode: asked, top_k, filter, rerank = false }: SearchRequest,
  signal: AbortSignal,
  within = '',
): Promise<RankedPassage[]> {
  const param = `${within}query`;
  // A picture has no words.
  const mode = image === undefined ? asked : 'vector';
  const vectorFor = (): Promise<Float32Array> =>
    image === undefined
      ? vectorOf(env, caller, collection, query, signal, param)
      : pictureVector(env, caller, collection, image, signal, `${within}image`);
  const vector = mode === 'text' ? null : await vectorFor();
  const found: unknown = await collection.stub.search(
    { requestId: caller.requestId },
    {
      ...{ mode, text: query, vector, filter: filter ?? null },
      topK: rerank === false ? top_k : Math.max(top_k, RERANKED),
    },
  );
  const passages = unwrap(found as RpcAnswer<SearchResult[]>);
  if (rerank === false || passages.length === 0)
    return passages.map((passage) => ({ ...passage, rerank_score: null }));
  const request = { model: rerank, query, signal, param: `${within}rerank` };
  return (await rerankPassages(env, caller, passages, request)).slice(0, top_k);
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

/**
 * The model of a collection, where it ranks by late interaction: a search by its vectors finds the right passages more
 * often than it puts them first. False where it does not, and for searches by words alone, which need no model.
 */
export async function ownRanker(
  env: RetrievalEnv,
  collection: Collection,
  caller: Caller,
  mode: SearchMode,
): Promise<string | false> {
  if (mode === 'text') return false;
  const { id, manifest } = await encoderOf(env, collection, caller);
  return manifest.config.late === undefined ? false : id;
}

/** @throws {EngineError} E_REQUEST_INVALID for a model that embeds texts alone; as `embedPictures` */
async function pictureVector(
  env: RetrievalEnv,
  caller: Caller,
  collection: Collection,
  image: string,
  signal: AbortSignal,
  param: string,
): Promise<Float32Array> {
  const model = await encoderOf(env, collection, caller);
  const open = async () => (await sentPicture(env, image, param, signal)).bytes;
  const [vector] = await embedPictures(env, caller, model, [{ param, open }], signal);
  return vector!;
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
