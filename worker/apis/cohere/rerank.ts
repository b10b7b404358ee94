/** POST /v2/rerank, in Cohere's shape. */
import { rankDocuments } from '../../serving/embedding/rank.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { cohereRerankBody, cohereRerankSchema, metaJson } from './schema.ts';

export const cohereRerank = defineEndpoint({
  name: 'cohereRerank',
  method: 'POST',
  path: '/v2/rerank',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: "Rank documents by relevance to a query, in Cohere's format",
  body: cohereRerankBody,
  errors: 'cohere',
  responses: [{ status: 200, what: 'the best documents first', schema: cohereRerankSchema }],
  examples: [
    {
      title: 'An unknown model',
      body: { model: 'nothing', query: 'sea', documents: ['The sea is blue.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, client, record }) {
    const { model, ranked } = await rankDocuments(env, caller, {
      ...{ model: body.model, query: body.query, documents: body.documents },
      ...{ truncate: true, client },
    });
    record.modelId = model.id;
    const results = ranked
      .slice(0, body.top_n)
      .map(({ index, score }) => ({ index, relevance_score: score }));
    return Response.json({ id: crypto.randomUUID(), results, meta: metaJson({ search_units: 1 }) });
  },
});
