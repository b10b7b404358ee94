/** Documents ranked by a reranker, or by the vectors of an embedding model. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { familyByName } from '../../../engine/archs/index.ts';
import { encoderUse } from '../../../engine/encode/encoder-use.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import type { CallContext } from '../../platform/failure.ts';
import type { ServingEnv } from '../env.ts';
import { dot } from './dot.ts';
import { embed, interact, score } from './embed.ts';
import { findRanker } from './find-encoder.ts';
import type { EncoderModel } from './find-encoder.ts';
import { pairIdsSteps } from './pair-ids.ts';
import { textIds } from './text-ids.ts';

/** What ranked: cosine of embeddings, cosines of tokens, or a model that reads query and document together. */
export const RANK_METHODS = ['embedding', 'late_interaction', 'reranker'] as const;
export type RankMethodName = (typeof RANK_METHODS)[number];

export interface RankRequest {
  /** Id of the model; the default one when it is undefined. */
  readonly model: string | undefined;
  readonly query: string;
  readonly documents: readonly string[];
  readonly truncate: boolean;
  /** The best that the model can do when it is undefined. */
  readonly method?: RankMethodName | undefined;
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
  const method = METHODS[chooseMethod(model, request.method)];
  const { texts, scores } = await method.rank(env, caller, model, request);
  const ranked = scores
    .map((relevance, index) => ({ index, relevance }))
    .sort((a, b) => b.relevance - a.relevance || a.index - b.index)
    .map(({ index, relevance }) => ({ index, score: method.publicScore(model, relevance) }));
  const nToken = texts.reduce((sum, { length }) => sum + length, 0);
  return { model, method: method.name, ranked, nToken };
}

/** What a model can do, the best first. */
function methodsOf({ manifest: { config } }: EncoderModel): readonly RankMethodName[] {
  if (encoderUse(config) === 'score') return ['reranker'];
  return config.late === undefined ? ['embedding'] : ['late_interaction', 'embedding'];
}

/** @throws {EngineError} E_REQUEST_INVALID for a method that the model does not know */
function chooseMethod(model: EncoderModel, wanted: RankMethodName | undefined): RankMethodName {
  const methods = methodsOf(model);
  if (wanted === undefined) return methods[0]!;
  if (methods.includes(wanted)) return wanted;
  throw invalidField(
    'method',
    `${model.id} ranks by ${methods.join(' or ')}; expected one of them, got ${wanted}`,
    { details: { model: model.id, methods } },
  );
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

const METHODS: Readonly<Record<RankMethodName, RankMethod>> = {
  // Clients take scores to be from 0 to 1; a negative cosine means no relevance, like 0.
  embedding: {
    name: 'embedding',
    rank: rankByVectors,
    publicScore: (_, cosine) => Math.min(Math.max(cosine, 0), 1),
  },
  late_interaction: {
    name: 'late_interaction',
    rank: rankByTokens,
    publicScore({ manifest: { config } }, score) {
      // methodsOf names it for models with it only.
      const { scale, offset } = config.late!;
      return sigmoid(scale * score + offset);
    },
  },
  reranker: {
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
  const { queryIds, passages } = await idsOf(model, query, documents, truncate);
  const texts = [queryIds, ...passages];
  const [queryVector, ...vectors] = await embed(env, caller, model, texts, client);
  return { texts, scores: vectors.map((vector) => dot(queryVector!, vector)) };
}

async function rankByTokens(
  env: ServingEnv,
  caller: CallContext,
  model: EncoderModel,
  { query, documents, truncate, client }: Omit<RankRequest, 'model'>,
): Promise<Ranked> {
  const { queryIds, passages } = await idsOf(model, query, documents, truncate);
  const scores = await interact(env, caller, model, { query: queryIds, passages }, client);
  return { texts: [queryIds, ...passages], scores };
}

/** @throws {EngineError} E_REQUEST_INVALID or E_PROMPT_TOO_LONG naming the query, or the document by its index */
async function idsOf(
  model: EncoderModel,
  query: string,
  documents: readonly string[],
  truncate: boolean,
) {
  const [queryIds] = await textIds(model, [query], {
    inputType: 'query',
    truncate,
    nameOf: () => 'query',
  });
  const passages = await textIds(model, documents, {
    inputType: 'document',
    truncate,
    nameOf: (index) => `documents[${index}]`,
  });
  return { queryIds: queryIds!, passages };
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
