/** Takes a model's files out of a bucket: the manifest first, so that it is no longer listed. */
import { manifestKey, MODELS_PREFIX } from '../../worker/platform/model-keys.ts';
import type { Bucket } from './bucket.ts';
import { keysOfModel } from './push.ts';

/**
 * @returns number of objects that were deleted; 0 for a model that is not in the bucket
 * @throws {EngineError} E_BACKEND_UNAVAILABLE
 */
export async function deleteModel(bucket: Bucket, id: string): Promise<number> {
  const first = manifestKey(id);
  const listed = await bucket.listKeys(`${MODELS_PREFIX}${id}/`);
  const keys = new Set(listed ?? (await keysOfModel(bucket, id)));
  const ordered = [...keys].sort((a, b) => Number(b === first) - Number(a === first));
  for (const key of ordered) await bucket.delete(key);
  return ordered.length;
}
