/** The best passages of a search in the order of a model that ranks, which reads each with the query. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { Caller } from '../../platform/caller.ts';
import { rankDocuments } from '../../serving/embedding/rank.ts';
import type { RetrievalEnv } from './env.ts';
import type { SearchResult } from './object/search.ts';

/** Passages of a search that are ranked again, where fewer are wanted. */
export const RERANKED = 20;

/** A passage with the score of the model that ranked it again; null without one. */
export interface RankedPassage extends SearchResult {
  readonly rerank_score: number | null;
}

export interface RerankRequest {
  /** Id of a model that ranks. */
  readonly model: string;
  readonly query: string;
  readonly signal: AbortSignal;
  /** Name of the field that names the model, in errors. */
  readonly param: string;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND and E_MODEL_KIND naming `param`; errors of the stage */
export async function rerankPassages(
  env: RetrievalEnv,
  caller: Caller,
  passages: readonly SearchResult[],
  { model, query, signal, param }: RerankRequest,
): Promise<RankedPassage[]> {
  const documents = passages.map(({ heading, text }) =>
    [heading, text].filter((part) => part !== '').join('\n'),
  );
  const request = { model, query, documents, truncate: true, client: { signal } };
  const { ranked } = await rankDocuments(env, caller, request).catch((error: unknown) => {
    throw aboutField(error, param);
  });
  return ranked.map(({ index, score }) => ({ ...passages[index]!, score, rerank_score: score }));
}

/** An error about a request's model, as one about the field that names it here. */
function aboutField(error: unknown, param: string): unknown {
  if (!(error instanceof EngineError) || error.param !== 'model') return error;
  const { code, message, details } = error;
  return new EngineError(code, message.replace(/^model:/u, `${param}:`), { details, param });
}
