/** POST /api/show: one model, in Ollama's shape. */
import { defineEndpoint } from '../../http/endpoint.ts';
import { readsPictures } from '../../serving/vision/describe-picture.ts';
import { findAnyModel } from '../../serving/models/model-store.ts';
import { capabilitiesOf, detailsJson, modelInfo } from './model-json.ts';
import { requiredId } from './names.ts';
import { showBodySchema, showSchema } from './schema.ts';

export const ollamaShow = defineEndpoint({
  name: 'ollamaShow',
  method: 'POST',
  path: '/api/show',
  tag: 'ollama',
  scope: 'read',
  summary: 'Describe a model',
  body: showBodySchema,
  errors: 'ollama',
  responses: [{ status: 200, what: 'the model', schema: showSchema }],
  examples: [{ title: 'An unknown model', body: { model: 'nothing' }, status: 404 }],
  async handle({ env, caller, body }) {
    const { manifest } = await findAnyModel(env.MODELS, requiredId(body), caller);
    const template = manifest.kind === 'decoder' ? (manifest.chatTemplate ?? '') : '';
    return Response.json({
      license: manifest.licence,
      modelfile: `# ${manifest.source}\n`,
      parameters: '',
      template,
      details: detailsJson(manifest),
      model_info: modelInfo(manifest),
      capabilities: capabilitiesOf(manifest, await readsPictures(env)),
      modified_at: manifest.createdAt,
    });
  },
});
