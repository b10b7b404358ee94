/** GET /v1/models. */
import { z } from 'zod';
import { listServed } from '../../serving/models/list-manifests.ts';
import { adapterJson, modelJson } from './model-json.ts';
import { anthropicList, ANTHROPIC_HEADER } from './anthropic-list.ts';
import { modelSchema } from './schema.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const listModels = defineEndpoint({
  name: 'listModels',
  method: 'GET',
  path: '/v1/models',
  tag: 'models',
  scope: 'read',
  summary: 'List the models, the default first, and their adapters',
  description: "In Anthropic's shape for its clients, which send anthropic-version.",
  responses: [
    {
      status: 200,
      what: 'the models',
      schema: z.strictObject({ object: z.literal('list'), data: z.array(modelSchema) }),
    },
  ],
  examples: [{ title: 'All models' }],
  async handle({ env, caller, request }) {
    const { models, adapters } = await listServed(env, caller);
    if (request.headers.has(ANTHROPIC_HEADER))
      return Response.json(anthropicList(models, adapters));
    const data = [
      ...models.map(({ manifest }) => modelJson(manifest, env)),
      ...adapters.map((adapter) => adapterJson(adapter, env)),
    ];
    return Response.json({ object: 'list', data });
  },
});
