/** POST /api/embed, in Ollama's shape. */
import { defineEndpoint } from '../../http/endpoint.ts';
import { embed } from '../../serving/embedding/embed.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { checkDimensions, shortened } from '../../serving/embedding/dimensions.ts';
import { textIds } from '../../serving/embedding/text-ids.ts';
import { idOf } from './names.ts';
import { embedAnswerSchema, embedBodySchema } from './schema.ts';
import { nameOf } from './names.ts';
import { nsOf } from './shape.ts';

export const ollamaEmbed = defineEndpoint({
  name: 'ollamaEmbed',
  method: 'POST',
  path: '/api/embed',
  tag: 'ollama',
  scope: 'embeddings',
  summary: 'Embed texts as vectors',
  body: embedBodySchema,
  errors: 'ollama',
  responses: [{ status: 200, what: 'a vector per text', schema: embedAnswerSchema }],
  examples: [
    { title: 'An unknown model', body: { model: 'nothing', input: 'The sea.' }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const startedAtMs = Date.now();
    const name = body.model === undefined ? undefined : idOf(body.model);
    const model = await findEncoder(env, name, caller);
    record.modelId = model.id;
    const dimensions = checkDimensions(body.dimensions, model.manifest.config.nEmbd);
    const texts = await textIds(model, [body.input].flat(), {
      truncate: body.truncate,
      nameOf: (index) => (Array.isArray(body.input) ? `input[${index}]` : 'input'),
    });
    const vectors = await embed(env, caller, model, texts, client);
    return Response.json({
      model: nameOf(model.id),
      embeddings: vectors.map((vector) => [...shortened(vector, dimensions)]),
      total_duration: nsOf(Date.now() - startedAtMs),
      load_duration: 0,
      prompt_eval_count: texts.reduce((sum, { length }) => sum + length, 0),
    });
  },
});
