/** The embedding model of a request: the one it names, else EMBEDDING_MODEL, else the only one. */
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { servedOfKind } from '../models/default-model.ts';
import type { ServingEnv } from '../env.ts';
import { findModelOfKind } from '../models/model-store.ts';
import type { ModelOfKind } from '../models/model-store.ts';

export type EncoderModel = ModelOfKind<'encoder'>;
type Env = Pick<ServingEnv, 'MODELS' | 'EMBEDDING_MODEL'>;

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND; E_REQUEST_INVALID when it is ambiguous. */
export async function findEncoder(env: Env, wanted: string | undefined): Promise<EncoderModel> {
  const named = wanted ?? (env.EMBEDDING_MODEL || undefined);
  return await findModelOfKind(env.MODELS, named ?? (await onlyEncoder(env)), 'encoder');
}

async function onlyEncoder(env: Env): Promise<string> {
  const encoders = await servedOfKind(env.MODELS, 'encoder');
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
