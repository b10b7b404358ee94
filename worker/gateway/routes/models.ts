/** GET /v1/models and /v1/models/:id. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { Manifest } from '../../../engine/formats/manifest.ts';
import { servedContext } from '../../../engine/model/plan.ts';
import { listModelIds, readManifest } from '../../model-files.ts';
import { readCount } from '../../vars.ts';
import type { GatewayEnv } from '../env.ts';
import type { Route } from './route.ts';

function modelJson(manifest: Manifest, env: GatewayEnv): object {
  const { id, createdAt, source, licence, architecture, preset, config } = manifest;
  const createdMs = Date.parse(createdAt);
  return {
    id,
    object: 'model',
    created: Number.isNaN(createdMs) ? 0 : Math.floor(createdMs / 1000),
    owned_by: source,
    licence,
    architecture,
    preset,
    context_length: servedContext(config, readCount(env.CONTEXT_TOKENS) ?? undefined),
    trained_context_length: config.nCtx,
  };
}

/** A model whose manifest does not parse is not served, so it is not listed. */
async function readListed(env: GatewayEnv, id: string): Promise<object[]> {
  const stored = await readManifest(env.MODELS, id).catch((error: unknown) => {
    if (error instanceof EngineError && error.row.party === 'modelFile') return null;
    throw error;
  });
  return stored === null || stored === 'unchanged' ? [] : [modelJson(stored.manifest, env)];
}

export const listModels: Route = {
  method: 'GET',
  path: '/v1/models',
  async handle({ env }) {
    const ids = await listModelIds(env.MODELS);
    // The default comes first: clients that take the first take the right one.
    ids.sort((a, b) => Number(b === env.DEFAULT_MODEL) - Number(a === env.DEFAULT_MODEL));
    const models = await Promise.all(ids.map((id) => readListed(env, id)));
    return Response.json({ object: 'list', data: models.flat() });
  },
};

export const getModel: Route = {
  method: 'GET',
  path: '/v1/models/:id',
  async handle({ env, params }) {
    const id = params['id'] ?? '';
    const stored = await readManifest(env.MODELS, id);
    if (stored !== null && stored !== 'unchanged')
      return Response.json(modelJson(stored.manifest, env));
    const models = await listModelIds(env.MODELS);
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model: no model ${JSON.stringify(id.slice(0, 100))}; expected one of: ${models.join(', ')}.`,
      { param: 'model', details: { models } },
    );
  },
};
