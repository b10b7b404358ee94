/** Objects of a batch in the bucket: its result files, and its entry in the list of batches. */
import type { Caller } from '../../platform/caller.ts';
import { objectName } from '../../platform/caller.ts';
import type { ContentBox } from '../../access/content/content-box.ts';
import type { FileStore, Owner as FileOwner } from '../files/stored-file.ts';
import { FileWriter } from '../files/file-writer.ts';
import { listObjects } from '../../platform/storage/bucket.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { isObjectId, newObjectId } from '../../platform/storage/object-id.ts';
import type { BatchStore } from './batch-store.ts';

type Owner = Pick<Caller, 'subject'>;

const LIST_PREFIX = 'batches/';
const ID_PREFIX = 'batch_';
const NEWLINE = new Uint8Array([10]);

export const newBatchId = (): string => newObjectId(ID_PREFIX);
export const isBatchId = (id: string): boolean => isObjectId(ID_PREFIX, id);

/** Writing a file again under the same id, after a restart, replaces it. */
export async function writeResultFile(
  files: FileStore,
  store: BatchStore,
  box: ContentBox,
  file: {
    readonly owner: FileOwner;
    readonly id: string;
    readonly filename: string;
    readonly isError: boolean;
  },
): Promise<void> {
  const writer = new FileWriter(files, { ...file, purpose: 'batch_output' });
  try {
    for await (const { bytes, isLast } of store.results(box, file.isError)) {
      await writer.write(bytes);
      if (isLast) await writer.write(NEWLINE);
    }
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

export async function addToList(bucket: R2Bucket, caller: Owner, id: string): Promise<void> {
  await retryStorage(id, () => bucket.put(LIST_PREFIX + objectName(caller, id), ''));
}

export async function removeFromList(bucket: R2Bucket, caller: Owner, id: string): Promise<void> {
  await retryStorage(id, () => bucket.delete(LIST_PREFIX + objectName(caller, id)));
}

/** Ids of the caller's batches, the newest first. */
export async function listBatchIds(
  bucket: R2Bucket,
  caller: Owner,
  limit: number,
  after: string | null,
): Promise<{ ids: string[]; hasMore: boolean }> {
  const ids: string[] = [];
  const prefix = LIST_PREFIX + objectName(caller, '');
  const start = after === null ? undefined : prefix + after;
  for await (const { key } of listObjects(bucket, prefix, start)) {
    if (ids.length === limit) return { ids, hasMore: true };
    ids.push(key.slice(prefix.length));
  }
  return { ids, hasMore: false };
}
