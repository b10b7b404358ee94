/** Documents ranked by a reranker, or by the vectors of an embedding model. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { familyByName } from '../../../engine/archs/index.ts';
import { encoderUse } from '../../../engine/encode/encoder-use.ts';
import type { EncoderUse } from '../../../engine/encode/encoder-use.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import type { CallContext } from '../../platform/failure.ts';
import type { ServingEnv } from '../env.ts';
import { dot } from './dot.ts';
import { embed, score } from './embed.ts';
import { findRanker } from './find-encoder.ts';
import type { EncoderModel } from './find-encoder.ts';
import { pairIdsSteps } from './pair-ids.ts';
import { textIds } from './text-ids.ts';

/** What ranked: cosine of embeddings, or a model that reads query and document together. */
export type RankMethodName = 'embedding' | 'reranker';

export interface RankRequest {
  /** Id of the model; the default one when it is undefined. */
  readonly model: string | undefined;
  readonly query: string;
  readonly documents: readonly string[];
  readonly truncate: boolean;
  readonly client: Client;
}

export interface RankedDocuments {
  readonly model: EncoderModel;
  readonly method: RankMethodName;
  /** The best first; scores are from 0 to 1. */
  readonly ranked: readonly { readonly index: number; readonly score: number }[];
  /** Tokens of all that was read. */
  readonly nToken: number;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_PROMPT_TOO_LONG; errors of the stage */
export async function rankDocuments(
  env: ServingEnv,
  caller: Caller,
  request: RankRequest,
): Promise<RankedDocuments> {
  const model = await findRanker(env, request.model, caller);
  const method = METHODS[encoderUse(model.manifest.config)];
  const { texts, scores } = await method.rank(env, caller, model, request);
  const ranked = scores
    .map((relevance, index) => ({ index, relevance }))
    .sort((a, b) => b.relevance - a.relevance || a.index - b.index)
    .map(({ index, relevance }) => ({ index, score: method.publicScore(model, relevance) }));
  const nToken = texts.reduce((sum, { length }) => sum + length, 0);
  return { model, method: method.name, ranked, nToken };
}

interface Ranked {
  /** Ids of all that was read. */
  readonly texts: readonly (readonly number[])[];
  /** One for each document; more is more relevant. */
  readonly scores: readonly number[];
}

interface RankMethod {
  readonly name: RankMethodName;
  readonly rank: (
    env: ServingEnv,
    caller: CallContext,
    model: EncoderModel,
    request: Omit<RankRequest, 'model'>,
  ) => Promise<Ranked>;
  readonly publicScore: (model: EncoderModel, score: number) => number;
}

/** By what a model can do. */
const METHODS: Readonly<Record<EncoderUse, RankMethod>> = {
  // Clients take scores to be from 0 to 1; a negative cosine means no relevance, like 0.
  embed: {
    name: 'embedding',
    rank: rankByVectors,
    publicScore: (_, cosine) => Math.min(Math.max(cosine, 0), 1),
  },
  score: {
    name: 'reranker',
    rank: rankByScores,
    publicScore: ({ manifest }, score) =>
      familyByName('encoder', manifest.architecture).score === 'logit' ? sigmoid(score) : score,
  },
};

async function rankByVectors(
  env: ServingEnv,
  caller: CallContext,
  model: EncoderModel,
  { query, documents, truncate, client }: Omit<RankRequest, 'model'>,
): Promise<Ranked> {
  const queryIds = await textIds(model, [query], {
    inputType: 'query',
    truncate,
    nameOf: () => 'query',
  });
  const passages = await textIds(model, documents, {
    inputType: 'document',
    truncate,
    nameOf: (index) => `documents[${index}]`,
  });
  const texts = [...queryIds, ...passages];
  const [queryVector, ...vectors] = await embed(env, caller, model, texts, client);
  return { texts, scores: vectors.map((vector) => dot(queryVector!, vector)) };
}

async function rankByScores(
  env: ServingEnv,
  caller: CallContext,
  model: EncoderModel,
  { query, documents, truncate, client }: Omit<RankRequest, 'model'>,
): Promise<Ranked> {
  const steps = pairIdsSteps(model, query, documents, { truncate });
  const texts = await inTurns(steps, takeTurn);
  return { texts, scores: await score(env, caller, model, texts, client) };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
