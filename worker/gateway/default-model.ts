/** The model of a request that names none, of kinds that there may be several of or none. */
import { EngineError } from '../../engine/base/errors.ts';
import { KIND_TITLES } from '../../engine/formats/manifest.ts';
import type { ModelKind } from '../../engine/formats/manifest.ts';
import { listModelIds, readManifest } from '../model-files.ts';
import { findModelOfKind } from './model-store.ts';
import type { ModelOfKind } from './model-store.ts';

/**
 * The model that is named, else the only one of its kind.
 * @param named by the request or, failing that, by a variable of the deployment
 * @throws {EngineError} E_MODEL_NOT_FOUND with the ids there are; E_MODEL_KIND for models of other kinds.
 */
export async function chooseModel<K extends ModelKind>(
  bucket: R2Bucket,
  kind: K,
  named: string | undefined,
): Promise<ModelOfKind<K>> {
  if (named !== undefined && named !== '') return await findModelOfKind(bucket, named, kind);
  const ids = await idsOfKind(bucket, kind);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return await findModelOfKind(bucket, only, kind);
  const known = ids.length === 0 ? 'there is none yet' : `expected one of: ${ids.join(', ')}`;
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: is needed, the id of ${KIND_TITLES[kind]}; ${known}.`,
    { param: 'model', details: { models: ids, kind } },
  );
}

async function idsOfKind(bucket: R2Bucket, kind: ModelKind): Promise<string[]> {
  const found = await Promise.all(
    (await listModelIds(bucket)).map(async (id) => {
      // A model that this version cannot read is none to choose.
      const stored = await readManifest(bucket, id).catch(() => null);
      return stored !== null && stored !== 'unchanged' && stored.manifest.kind === kind ? [id] : [];
    }),
  );
  return found.flat();
}
