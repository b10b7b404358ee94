/** POST /v1/rerank. */
import { dot } from '../../serving/embedding/dot.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import { rerankBodySchema, rerankSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const rerank = defineEndpoint({
  name: 'rerank',
  method: 'POST',
  path: '/v1/rerank',
  tag: 'retrieval',
  summary: 'Rank documents by relevance to a query',
  description:
    'Ranks by the cosine of embeddings, as "method" says: no model reads query and document ' +
    'together. Long documents are cut unless "truncate" is false.',
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
    const model = await findEncoder(env, body.model);
    record.modelId = model.id;
    const documents = body.documents.map((one) => (typeof one === 'string' ? one : one.text));
    const { truncate } = body;
    const query = textIds(model, [body.query], {
      inputType: 'query',
      truncate,
      nameOf: () => 'query',
    });
    const passages = textIds(model, documents, {
      inputType: 'document',
      truncate,
      nameOf: (index) => `documents[${index}]`,
    });
    const texts = [...query, ...passages];
    const [of, ...vectors] = await embed(env, caller, model, texts, request.signal);
    const results = vectors
      .map((vector, index) => ({ index, relevance_score: dot(of!, vector) }))
      .sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
      .slice(0, body.top_n ?? vectors.length)
      .map((row) =>
        body.return_documents ? { ...row, document: { text: documents[row.index]! } } : row,
      );
    const total = texts.reduce((sum, { length }) => sum + length, 0);
    return Response.json({
      model: model.id,
      method: 'embedding',
      results,
      usage: { total_tokens: total },
    });
  },
});
