/** The encoder of a request: one that embeds, or one that ranks. */
import { encoderUse, requireEncoderUse } from '../../../engine/encode/encoder-use.ts';
import type { EncoderUse } from '../../../engine/encode/encoder-use.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import { servedOfKind } from '../models/default-model.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind } from '../models/model-store.ts';
import type { ModelOfKind } from '../models/model-store.ts';

export type EncoderModel = ModelOfKind<'encoder'>;
type Env = Pick<ServingEnv, 'MODELS' | 'EMBEDDING_MODEL'>;

/**
 * The embedding model that a request names, else EMBEDDING_MODEL, else the only one.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND; E_REQUEST_INVALID when it is ambiguous.
 */
export async function findEncoder(
  env: Env,
  wanted: string | undefined,
  access: ModelAccess,
): Promise<EncoderModel> {
  const named = wanted ?? (env.EMBEDDING_MODEL || undefined);
  const id = named ?? (await onlyEncoder(env, access));
  const model = await findModelOfKind(env.MODELS, id, 'encoder', access);
  requireEncoderUse(model.id, model.manifest.config, 'embed');
  return model;
}

/**
 * The model that ranks: the one a request names, of either use; else the only reranker, else the embedding model.
 * @throws {EngineError} as `findEncoder`
 */
export async function findRanker(
  env: Env,
  wanted: string | undefined,
  access: ModelAccess,
): Promise<EncoderModel> {
  if (wanted !== undefined) return await findModelOfKind(env.MODELS, wanted, 'encoder', access);
  const rerankers = await servedFor(env, 'score', access);
  const [id] = rerankers;
  if (id === undefined) return await findEncoder(env, undefined, access);
  if (rerankers.length > 1)
    throw invalidField(
      'model',
      `expected one of ${rerankers.join(', ')}; there are several rerankers`,
      { details: { models: rerankers } },
    );
  return await findModelOfKind(env.MODELS, id, 'encoder', access);
}

async function onlyEncoder(env: Env, access: ModelAccess): Promise<string> {
  const encoders = await servedFor(env, 'embed', access);
  const [id] = encoders;
  if (id === undefined)
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      'model: no embedding model is served. Push one: thimble dev --also all-minilm-l6-v2.',
      { param: 'model' },
    );
  if (encoders.length > 1)
    throw invalidField(
      'model',
      `expected one of ${encoders.join(', ')}; there are several embedding models, and ` +
        'EMBEDDING_MODEL names none of them',
      { details: { models: encoders } },
    );
  return id;
}

async function servedFor(env: Env, use: EncoderUse, access: ModelAccess): Promise<string[]> {
  const ids = await servedOfKind(env.MODELS, 'encoder', {
    name: use,
    has: ({ config }) => encoderUse(config) === use,
  });
  return ids.filter((id) => mayUse(access, id));
}
