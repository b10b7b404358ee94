/** POST /api/pull and DELETE /api/delete: models are brought and removed by the command line only. */
import { defineEndpoint } from '../../http/endpoint.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { findAnyModel } from '../../serving/models/model-store.ts';
import { requiredId } from './names.ts';
import { deleteBodySchema, pullBodySchema, statusSchema } from './schema.ts';

export const ollamaPull = defineEndpoint({
  name: 'ollamaPull',
  method: 'POST',
  path: '/api/pull',
  tag: 'ollama',
  scope: 'read',
  summary: 'Ask for a model that is there',
  description:
    'A model that this server has is "success" at once. Others are brought by `thimble pull ID` and `thimble push ID`: a ' +
    'Worker has neither the disk nor the time to import one.',
  body: pullBodySchema,
  errors: 'ollama',
  responses: [{ status: 200, what: 'it is there', schema: statusSchema }],
  examples: [{ title: 'An unknown model', body: { model: 'nothing' }, status: 404 }],
  async handle({ env, caller, body }) {
    await findAnyModel(env.MODELS, requiredId(body), caller);
    const done = { status: 'success' };
    if (!body.stream) return Response.json(done);
    return new Response(`${JSON.stringify(done)}\n`, {
      headers: { 'content-type': 'application/x-ndjson' },
    });
  },
});

export const ollamaDelete = defineEndpoint({
  name: 'ollamaDelete',
  method: 'DELETE',
  path: '/api/delete',
  tag: 'ollama',
  scope: 'admin',
  summary: 'Refused: models are removed by the command line',
  body: deleteBodySchema,
  errors: 'ollama',
  responses: [{ status: 200, what: 'never' }],
  examples: [{ title: 'Any model', body: { model: 'nothing' }, status: 404 }],
  async handle({ env, caller, body }) {
    const { id } = await findAnyModel(env.MODELS, requiredId(body), caller);
    throw new EngineError(
      'E_ACCESS_DENIED',
      `model: ${id} is not removed over HTTP. Run: thimble rm ${id}`,
      { param: 'model', details: { model: id } },
    );
  },
});
