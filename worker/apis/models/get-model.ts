/** GET /v1/models/:id. */
import { mayUse } from '../../platform/caller.ts';
import { readManifest } from '../../platform/model-files.ts';
import { modelJson } from './model-json.ts';
import { modelNotFound } from '../../serving/models/model-store.ts';
import { modelSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const getModel = defineEndpoint({
  name: 'getModel',
  method: 'GET',
  path: '/v1/models/:id',
  tag: 'models',
  scope: 'read',
  summary: 'Get information about a model',
  params: { id: 'an id of /v1/models' },
  responses: [{ status: 200, what: 'the model', schema: modelSchema }],
  examples: [
    { title: 'One model', params: { id: '$model' } },
    { title: 'An unknown model', params: { id: 'nope' }, status: 404 },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const stored = mayUse(caller, id) ? await readManifest(env.MODELS, id) : null;
    if (stored !== null && stored !== 'unchanged')
      return Response.json(modelJson(stored.manifest, env));
    throw await modelNotFound(env.MODELS, id, caller);
  },
});
