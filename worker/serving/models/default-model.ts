/** The default model of a kind of which there may be several or none. */
import { EngineError } from '../../../engine/base/errors.ts';
import { kindTitle } from '../../../engine/manifest/manifest.ts';
import type { ModelKind } from '../../../engine/manifest/manifest.ts';
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
): Promise<ModelOfKind<K>> {
  if (named !== undefined && named !== '') return await findModelOfKind(bucket, named, kind);
  const ids = await servedOfKind(bucket, kind);
  const [only] = ids;
  if (only !== undefined && ids.length === 1) return await findModelOfKind(bucket, only, kind);
  const known = ids.length === 0 ? 'there is none yet' : `expected one of: ${ids.join(', ')}`;
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: is needed, the id of ${kindTitle(kind)}; ${known}.`,
    { param: 'model', details: { models: ids, kind } },
  );
}

/** How long the list of a kind's models is cached: reading each manifest costs a request. */
const BELIEVED_MS = 10_000;

const onlyOnes = new Map<ModelKind, { readonly id: string; readonly untilMs: number }>();

/** Ids of the models of a kind. */
export async function servedOfKind(bucket: R2Bucket, kind: ModelKind): Promise<string[]> {
  const nowMs = Date.now();
  const believed = onlyOnes.get(kind);
  if (believed !== undefined && believed.untilMs > nowMs) return [believed.id];
  const ids = await readIdsOfKind(bucket, kind);
  const [only] = ids;
  if (only !== undefined && ids.length === 1)
    onlyOnes.set(kind, { id: only, untilMs: nowMs + BELIEVED_MS });
  return ids;
}

async function readIdsOfKind(bucket: R2Bucket, kind: ModelKind): Promise<string[]> {
  const found = await Promise.all(
    (await listModelIds(bucket)).map(async (id) => {
      // A model that this version cannot read is not a candidate.
      const stored = await readManifest(bucket, id).catch(() => null);
      return stored !== null && stored !== 'unchanged' && stored.manifest.kind === kind ? [id] : [];
    }),
  );
  return found.flat();
}
