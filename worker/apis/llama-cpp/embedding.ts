/** POST /embedding, in the format of llama.cpp's server. */
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.ts';
import { withName } from '../../http/body/server-names.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { embeddedTexts, embedTexts } from '../../serving/embedding/embedded-texts.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';

export const llamaEmbedding = defineEndpoint({
  name: 'llamaEmbedding',
  method: 'POST',
  path: '/embedding',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: "Embed texts as vectors, in the format of llama.cpp's server",
  body: z
    .looseObject({ model: modelField, content: embeddedTexts, strict: strictField })
    .meta({ id: 'LlamaEmbeddingRequest' }),
  adapt: (json) => withName(json, ['input', 'prompt'], 'content'),
  responses: [
    {
      status: 200,
      what: 'a vector per text, in a list of its own',
      schema: z.array(
        z.strictObject({ index: count, embedding: z.array(z.array(z.number())).length(1) }),
      ),
    },
  ],
  examples: [
    { title: 'An unknown model', body: { model: 'nothing', content: 'the sea' }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const model = await findEncoder(env, body.model, caller);
    record.modelId = model.id;
    const asked = { texts: body.content, field: 'content', client };
    const { vectors } = await embedTexts(env, caller, model, asked);
    return Response.json(vectors.map((vector, index) => ({ index, embedding: [[...vector]] })));
  },
});
