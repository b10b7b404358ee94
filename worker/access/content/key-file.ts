/**
 * Subjects' keys as objects of the bucket, wrapped (wrap-key.ts): databases of Durable Objects can be restored for 30
 * days, also the one of the object that knows which key is in force, and what was overwritten in R2 cannot. An empty
 * object stands where a key was destroyed.
 */
import { objectName } from '../../platform/caller.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import type { StoredKey } from './wrap-key.ts';

/** Where subjects' keys lie: the bucket of their files. */
export interface KeyFilesEnv {
  readonly FILES: R2Bucket;
}

export const SUBJECT_KEYS_PREFIX = 'subject-keys/';
const WHAT = 'key of a subject';

const pathOf = (subject: string, generation: number): string =>
  SUBJECT_KEYS_PREFIX + objectName({ subject }, String(generation));

/** Null when it was destroyed. */
export async function readKeyFile(
  { FILES }: KeyFilesEnv,
  subject: string,
  generation: number,
): Promise<StoredKey | null> {
  return await retryStorage(WHAT, async () => {
    const object = await FILES.get(pathOf(subject, generation));
    if (object === null || object.size === 0) return null;
    const bytes = new Uint8Array(await object.arrayBuffer());
    return { bytes, wrappedBy: object.customMetadata?.['secret'] ?? null };
  });
}

export async function writeKeyFile(
  { FILES }: KeyFilesEnv,
  subject: string,
  generation: number,
  { bytes, wrappedBy }: StoredKey,
): Promise<void> {
  const customMetadata = wrappedBy === null ? {} : { secret: wrappedBy };
  await retryStorage(WHAT, () => FILES.put(pathOf(subject, generation), bytes, { customMetadata }));
}

/** Whether a key with this number was ever stored. */
export async function hasKeyFile(
  { FILES }: KeyFilesEnv,
  subject: string,
  generation: number,
): Promise<boolean> {
  return (await retryStorage(WHAT, () => FILES.head(pathOf(subject, generation)))) !== null;
}

export async function destroyKeyFile(
  { FILES }: KeyFilesEnv,
  subject: string,
  generation: number,
): Promise<void> {
  await retryStorage(WHAT, () => FILES.put(pathOf(subject, generation), ''));
}
