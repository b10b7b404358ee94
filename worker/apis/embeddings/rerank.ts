/** POST /v1/rerank. */
import { rankDocuments } from '../../serving/embedding/rank.ts';
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
    'A reranker reads query and document together; an embedding model ranks by late interaction (cosines of the vectors ' +
    'of tokens) where it has such vectors, else by the cosine of one vector each, which "method": "embedding" asks for. ' +
    'relevance_score is from 0 to 1. The answer says which method it was. Long documents are cut unless "truncate" is false.',
  body: rerankBodySchema,
  responses: [{ status: 200, what: 'the best documents first', schema: rerankSchema }],
  examples: [
    {
      title: 'An unknown model',
      body: { model: 'nothing', query: 'sea', documents: ['The sea is blue.', 'Bread is warm.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, client, record }) {
    const documents = body.documents.map((one) => (typeof one === 'string' ? one : one.text));
    const { model, method, ranked, nToken } = await rankDocuments(env, caller, {
      ...{ model: body.model, query: body.query, documents, truncate: body.truncate },
      method: body.method,
      client,
    });
    record.modelId = model.id;
    const results = ranked.slice(0, body.top_n).map(({ index, score }) => ({
      index,
      relevance_score: score,
      ...(body.return_documents ? { document: { text: documents[index]! } } : {}),
    }));
    return Response.json({ model: model.id, method, results, usage: { total_tokens: nToken } });
  },
});
