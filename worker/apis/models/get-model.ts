/** GET /v1/models/:id. */
import { splitName } from '../../../engine/manifest/adapters.ts';
import { listAdapters } from '../../serving/models/adapters.ts';
import { mayUse } from '../../platform/caller.ts';
import { readManifest } from '../../platform/model-files.ts';
import { adapterJson, modelJson } from './model-json.ts';
import { findAnyModel, modelNotFound } from '../../serving/models/model-store.ts';
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
    if (splitName(id).adapter !== null) {
      // Finding it says what is wrong with a name that is not there.
      const model = await findAnyModel(env.MODELS, id, caller);
      const adapters = await listAdapters(env.MODELS, model.named.id, caller);
      const adapter = adapters.find(({ name }) => name === model.named.adapter)!;
      return Response.json(adapterJson({ base: model, adapter }, env));
    }
    const stored = mayUse(caller, id) ? await readManifest(env.MODELS, id) : null;
    if (stored !== null && stored !== 'unchanged')
      return Response.json(modelJson(stored.manifest, env));
    throw await modelNotFound(env.MODELS, id, caller);
  },
});
