/** Models that a bucket lists and does not hold whole: a bucket may be older than the names that objects have today. */
import { modelFiles, parseManifest } from '../../engine/manifest/manifest.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { manifestKey, modelKey } from '../../worker/platform/model-keys.ts';
import type { Bucket } from './bucket.ts';

/** @returns ids, in order; none of a bucket that cannot list or look up */
export async function incompleteModels(bucket: Bucket): Promise<string[]> {
  const ids = (await bucket.listModelIds()) ?? [];
  const found: string[] = [];
  for (const id of ids) if (!(await isWhole(bucket, id))) found.push(id);
  return found;
}

async function isWhole(bucket: Bucket, id: string): Promise<boolean> {
  const text = await bucket.getText(manifestKey(id));
  const manifest = text === null ? null : readManifest(text);
  if (manifest === null) return false;
  for (const file of modelFiles(manifest)) {
    const info =
      bucket.head === null ? { bytes: file.bytes } : await bucket.head(modelKey(id, file));
    if (info?.bytes !== file.bytes) return false;
  }
  return true;
}

function readManifest(text: string): Manifest | null {
  try {
    return parseManifest(JSON.parse(text));
  } catch {
    return null;
  }
}
