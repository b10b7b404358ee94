/** Takes a model's files out of a bucket: the manifest first, so that it is no longer listed. */
import { modelFiles, parseManifest } from '../../engine/manifest/manifest.ts';
import { manifestKey, modelKey, MODELS_PREFIX } from '../../worker/platform/model-keys.ts';
import type { Bucket } from './bucket.ts';

/**
 * @returns number of objects that were deleted; 0 for a model that is not in the bucket
 * @throws {EngineError} E_BACKEND_UNAVAILABLE
 */
export async function deleteModel(bucket: Bucket, id: string): Promise<number> {
  const first = manifestKey(id);
  const text = await bucket.getText(first);
  const listed = await bucket.listKeys(`${MODELS_PREFIX}${id}/`);
  const keys = new Set(listed ?? keysOf(id, text));
  if (text !== null) keys.add(first);
  const ordered = [first, ...keys].filter((key, i) => keys.has(key) && (i === 0 || key !== first));
  for (const key of ordered) await bucket.delete(key);
  return ordered.length;
}

/** What the manifest names, for buckets that cannot list. */
function keysOf(id: string, manifestText: string | null): string[] {
  if (manifestText === null) return [];
  return modelFiles(parseManifest(JSON.parse(manifestText))).map((file) => modelKey(id, file));
}
