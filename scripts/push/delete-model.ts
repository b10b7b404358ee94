/** Takes a model's files out of a bucket: the manifest first, so that it is no longer listed. */
import { modelFiles, parseManifest } from '../../engine/manifest/manifest.ts';
import { modelKey } from './bucket.ts';
import type { Bucket } from './bucket.ts';

/**
 * @returns number of objects that were deleted; 0 for a model that is not in the bucket
 * @throws {EngineError} E_BACKEND_UNAVAILABLE
 */
export async function deleteModel(bucket: Bucket, id: string): Promise<number> {
  const manifestKey = modelKey(id, 'manifest.json');
  const text = await bucket.getText(manifestKey);
  const listed = await bucket.listKeys(modelKey(id, ''));
  const keys = new Set(listed ?? keysOf(id, text));
  if (text !== null) keys.add(manifestKey);
  const ordered = [manifestKey, ...keys].filter(
    (key, i) => keys.has(key) && (i === 0 || key !== manifestKey),
  );
  for (const key of ordered) await bucket.delete(key);
  return ordered.length;
}

/** What the manifest names, for buckets that cannot list. */
function keysOf(id: string, manifestText: string | null): string[] {
  if (manifestText === null) return [];
  return modelFiles(parseManifest(JSON.parse(manifestText))).map(({ file }) => modelKey(id, file));
}
