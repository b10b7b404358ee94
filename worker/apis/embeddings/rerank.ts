/** POST /v1/rerank. */
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import type { z } from 'zod';
import { familyByName } from '../../../engine/archs/index.ts';
import { encoderUse } from '../../../engine/encode/encoder-use.ts';
import type { EncoderUse } from '../../../engine/encode/encoder-use.ts';
import type { CallContext } from '../../platform/failure.ts';
import { dot } from '../../serving/embedding/dot.ts';
import { embed, score } from '../../serving/embedding/embed.ts';
import { findRanker } from '../../serving/embedding/find-encoder.ts';
import type { EncoderModel } from '../../serving/embedding/find-encoder.ts';
import { pairIdsSteps } from '../../serving/embedding/pair-ids.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { rerankBodySchema, rerankSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const rerank = defineEndpoint({
  name: 'rerank',
  method: 'POST',
  path: '/v1/rerank',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: 'Rank documents by relevance to a query',
  description:
    'A reranker reads query and document together; an embedding model ranks by the cosine of vectors. relevance_score is ' +
    'from 0 to 1, and 0 for negative cosines. "method" says which. Long documents are cut unless "truncate" is false.',
  body: rerankBodySchema,
  responses: [{ status: 200, what: 'the best documents first', schema: rerankSchema }],
  examples: [
    {
      title: 'An unknown model',
      body: { model: 'nothing', query: 'sea', documents: ['The sea is blue.', 'Bread is warm.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, request, record }) {
    const model = await findRanker(env, body.model, caller);
    record.modelId = model.id;
    const documents = body.documents.map((one) => (typeof one === 'string' ? one : one.text));
    const method = METHODS[encoderUse(model.manifest.config)];
    const { texts, scores } = await method.rank(env, caller, model, {
      ...{ query: body.query, documents, truncate: body.truncate },
      signal: request.signal,
    });
    const results = scores
      .map((relevance, index) => ({ index, relevance }))
      .sort((a, b) => b.relevance - a.relevance || a.index - b.index)
      .slice(0, body.top_n ?? scores.length)
      .map(({ index, relevance }) => ({
        index,
        relevance_score: method.publicScore(model, relevance),
        ...(body.return_documents ? { document: { text: documents[index]! } } : {}),
      }));
    const total = texts.reduce((sum, { length }) => sum + length, 0);
    return Response.json({
      model: model.id,
      method: method.name,
      results,
      usage: { total_tokens: total },
    });
  },
});

interface RankRequest {
  readonly query: string;
  readonly documents: readonly string[];
  readonly truncate: boolean;
  readonly signal: AbortSignal;
}

interface Ranked {
  /** Ids of all that was read. */
  readonly texts: readonly (readonly number[])[];
  /** One for each document; more is more relevant. */
  readonly scores: readonly number[];
}

interface RankMethod {
  readonly name: z.output<typeof rerankSchema>['method'];
  readonly rank: (
    env: ServingEnv,
    caller: CallContext,
    model: EncoderModel,
    request: RankRequest,
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
  { query, documents, truncate, signal }: RankRequest,
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
  const [queryVector, ...vectors] = await embed(env, caller, model, texts, signal);
  return { texts, scores: vectors.map((vector) => dot(queryVector!, vector)) };
}

async function rankByScores(
  env: ServingEnv,
  caller: CallContext,
  model: EncoderModel,
  { query, documents, truncate, signal }: RankRequest,
): Promise<Ranked> {
  const steps = pairIdsSteps(model, query, documents, { truncate });
  const texts = await inTurns(steps, takeTurn);
  return { texts, scores: await score(env, caller, model, texts, signal) };
}

function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}
