/** GET /api/tags and /api/ps: the models, in Ollama's shape. */
import { defineEndpoint } from '../../http/endpoint.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { listServed } from '../../serving/models/list-manifests.ts';
import { adapterJson, listedJson } from './model-json.ts';
import { psSchema, tagsSchema } from './schema.ts';

export const ollamaTags = defineEndpoint({
  name: 'ollamaTags',
  method: 'GET',
  path: '/api/tags',
  tag: 'ollama',
  scope: 'read',
  summary: 'List the models',
  errors: 'ollama',
  responses: [{ status: 200, what: 'the models, the default first', schema: tagsSchema }],
  examples: [{ title: 'All models' }],
  async handle({ env, caller }) {
    const models = await listAll(env, caller);
    return Response.json({
      models: models.map(({ createdAt, json }) => ({ ...json, modified_at: createdAt })),
    });
  },
});

export const ollamaPs = defineEndpoint({
  name: 'ollamaPs',
  method: 'GET',
  path: '/api/ps',
  tag: 'ollama',
  scope: 'read',
  summary: 'List the models that can answer now',
  description: 'All of them: models are loaded when they are asked, and stay while there is room.',
  errors: 'ollama',
  responses: [{ status: 200, what: 'the models, the default first', schema: psSchema }],
  examples: [{ title: 'All models' }],
  async handle({ env, caller }) {
    const models = await listAll(env, caller);
    const expires = { expires_at: '0001-01-01T00:00:00Z', size_vram: 0 };
    return Response.json({ models: models.map(({ json }) => ({ ...json, ...expires })) });
  },
});

async function listAll(env: ServingEnv, caller: ModelAccess) {
  const { models, adapters } = await listServed(env, caller);
  return [
    ...models.map((row) => ({ createdAt: row.manifest.createdAt, json: listedJson(row) })),
    ...adapters.map((row) => ({ createdAt: row.adapter.createdAt, json: adapterJson(row) })),
  ];
}
