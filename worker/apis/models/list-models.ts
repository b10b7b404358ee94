/** GET /v1/models. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { listModelIds, readManifest } from '../../platform/model-files.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import { defaultModelId, resolveModel } from '../../serving/models/model-names.ts';
import { modelJson } from './model-json.ts';
import { modelSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const listModels = defineEndpoint({
  name: 'listModels',
  method: 'GET',
  path: '/v1/models',
  tag: 'models',
  scope: 'read',
  summary: 'List the models, the default first',
  responses: [
    {
      status: 200,
      what: 'the models',
      schema: z.strictObject({ object: z.literal('list'), data: z.array(modelSchema) }),
    },
  ],
  examples: [{ title: 'All models' }],
  async handle({ env, caller }) {
    const ids = await listAllowed(env, caller);
    // The default comes first, since some clients take the first one.
    const first = await defaultModelId(env);
    ids.sort((a, b) => Number(b === first) - Number(a === first));
    const models = await Promise.all(ids.map((id) => readListed(env, id)));
    return Response.json({ object: 'list', data: models.flat() });
  },
});

/** A key may name models by alias. */
async function listAllowed(env: ServingEnv, access: ModelAccess): Promise<string[]> {
  const ids = await listModelIds(env.MODELS);
  if (access.models === null) return ids;
  const named = await Promise.all(access.models.map((name) => resolveModel(env.MODELS, name)));
  return ids.filter((id) => mayUse(access, id) || named.some((model) => model.id === id));
}

/** A model whose manifest does not parse is not served, so it is not listed. */
async function readListed(env: ServingEnv, id: string): Promise<object[]> {
  const stored = await readManifest(env.MODELS, id).catch((error: unknown) => {
    if (error instanceof EngineError && error.row.party === 'modelFile') return null;
    throw error;
  });
  return stored === null || stored === 'unchanged' ? [] : [modelJson(stored.manifest, env)];
}
