/** The default model of a kind of which there may be several or none. */
import { EngineError } from '../../../engine/base/errors.ts';
import { kindTitle } from '../../../engine/manifest/manifest.ts';
import type { ManifestOf, ModelKind } from '../../../engine/manifest/manifest.ts';
import { mayUse } from '../../platform/caller.ts';
import type { ModelAccess } from '../../platform/caller.ts';
import { listModelIds, readManifest } from '../../platform/model-files.ts';
import { findModelOfKind } from './model-store.ts';
import type { ModelOfKind } from './model-store.ts';

/**
 * The named model, else the only one of its kind.
 * @param named the id in the request or else in a variable of the deployment
 * @throws {EngineError} E_MODEL_NOT_FOUND with the known ids; E_MODEL_KIND for models of other kinds.
 */
export async function chooseModel<K extends ModelKind>(
  bucket: R2Bucket,
  kind: K,
  named: string | undefined,
  access: ModelAccess,
): Promise<ModelOfKind<K>> {
  if (named !== undefined && named !== '')
    return await findModelOfKind(bucket, named, kind, access);
  const ids = (await servedOfKind(bucket, kind)).filter((id) => mayUse(access, id));
  const [only] = ids;
  if (only !== undefined && ids.length === 1)
    return await findModelOfKind(bucket, only, kind, access);
  const known = ids.length === 0 ? 'there is none yet' : `expected one of: ${ids.join(', ')}`;
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: is needed, the id of ${kindTitle(kind)}; ${known}.`,
    { param: 'model', details: { models: ids, kind } },
  );
}

/** How long the list of a kind's models is cached: reading each manifest costs a request. */
const BELIEVED_MS = 10_000;

const onlyOnes = new Map<string, { readonly id: string; readonly untilMs: number }>();

/** What some models of a kind can do and others cannot. */
export interface ModelUse<K extends ModelKind> {
  readonly name: string;
  readonly has: (manifest: ManifestOf<K>) => boolean;
}

/** Ids of the models of a kind, or of those that have a use. */
export async function servedOfKind<K extends ModelKind>(
  bucket: R2Bucket,
  kind: K,
  use?: ModelUse<K>,
): Promise<string[]> {
  const nowMs = Date.now();
  const key = `${kind}/${use?.name ?? ''}`;
  const believed = onlyOnes.get(key);
  if (believed !== undefined && believed.untilMs > nowMs) return [believed.id];
  const ids = await readIdsOfKind(bucket, kind, use);
  const [only] = ids;
  if (only !== undefined && ids.length === 1)
    onlyOnes.set(key, { id: only, untilMs: nowMs + BELIEVED_MS });
  return ids;
}

async function readIdsOfKind<K extends ModelKind>(
  bucket: R2Bucket,
  kind: K,
  use: ModelUse<K> | undefined,
): Promise<string[]> {
  const found = await Promise.all(
    (await listModelIds(bucket)).map(async (id) => {
      // A model that this version cannot read is not a candidate.
      const stored = await readManifest(bucket, id).catch(() => null);
      if (stored === null || stored === 'unchanged') return [];
      const { manifest } = stored;
      if (manifest.kind !== kind) return [];
      return use === undefined || use.has(manifest as ManifestOf<K>) ? [id] : [];
    }),
  );
  return found.flat();
}
