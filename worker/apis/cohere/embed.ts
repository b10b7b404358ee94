/** POST /v2/embed, in Cohere's shape. */
import { defineEndpoint } from '../../http/endpoint.ts';
import { checkDimensions, shortened } from '../../serving/embedding/dimensions.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import { cohereEmbedBody, cohereEmbedSchema, inputTypeOf, metaJson } from './schema.ts';

export const cohereEmbed = defineEndpoint({
  name: 'cohereEmbed',
  method: 'POST',
  path: '/v2/embed',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: "Embed texts as vectors, in Cohere's format",
  body: cohereEmbedBody,
  refused: [{ name: 'images' }, { name: 'inputs' }],
  errors: 'cohere',
  responses: [{ status: 200, what: 'a vector per text', schema: cohereEmbedSchema }],
  examples: [
    { title: 'An unknown model', body: { model: 'nothing', texts: ['The sea.'] }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const model = await findEncoder(env, body.model, caller);
    record.modelId = model.id;
    const dimensions = checkDimensions(body.output_dimension, model.manifest.config.nEmbd);
    const ids = await textIds(model, body.texts, {
      inputType: inputTypeOf(body.input_type),
      truncate: body.truncate === 'END',
      nameOf: (index) => `texts[${index}]`,
    });
    const vectors = await embed(env, caller, model, ids, client);
    const nToken = ids.reduce((sum, { length }) => sum + length, 0);
    return Response.json({
      id: crypto.randomUUID(),
      embeddings: { float: vectors.map((vector) => [...shortened(vector, dimensions)]) },
      texts: body.texts,
      meta: metaJson({ input_tokens: nToken }),
    });
  },
});
