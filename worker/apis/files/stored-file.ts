/** Files in the bucket: keys, what is told of them, and their lists. */
import { EngineError } from '../../../engine/base/errors.ts';
import { listObjects } from '../../platform/storage/bucket.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { isObjectId, newObjectId } from '../../platform/storage/object-id.ts';

/** Models lie under a prefix of their own. */
const PREFIX = 'files/';
const ID_PREFIX = 'file-';
/** OpenAI's name for what batches read, and for what they write. */
export type FilePurpose = 'batch' | 'batch_output';
/** Percent-encoded it fits the bucket's 2,048 bytes of metadata. */
const MAX_NAME_CHARS = 200;
/** How many files are looked at for one list: 10 pages of the bucket. */
export const MAX_SEEN_FILES = 10_000;

/** OpenAI's file object. */
export interface FileJson {
  readonly id: string;
  readonly object: 'file';
  readonly bytes: number;
  readonly created_at: number;
  readonly filename: string;
  readonly purpose: string;
  readonly status: 'processed';
}

export const newFileId = (): string => newObjectId(ID_PREFIX);
export const isFileId = (id: string): boolean => isObjectId(ID_PREFIX, id);
export const fileKey = (id: string): string => PREFIX + id;

/** What the bucket keeps beside a file. */
export function fileMetadata(filename: string, purpose: FilePurpose): Record<string, string> {
  // Metadata travels as headers: percent-encoded, whatever the name holds.
  const name = encodeURIComponent(filename.slice(0, MAX_NAME_CHARS).toWellFormed());
  return { filename: name, purpose };
}

export function fileJson(object: R2Object): FileJson {
  const { filename = '', purpose = '' } = object.customMetadata ?? {};
  return {
    id: object.key.slice(PREFIX.length),
    object: 'file',
    bytes: object.size,
    created_at: Math.floor(object.uploaded.getTime() / 1000),
    filename: decodeURIComponent(filename),
    purpose,
    status: 'processed',
  };
}

/** Null when there is no such file. */
export async function headFile(bucket: R2Bucket, id: string): Promise<FileJson | null> {
  if (!isFileId(id)) return null;
  const object = await retryStorage(id, () => bucket.head(fileKey(id)));
  return object === null ? null : fileJson(object);
}

/** From byte `offset` on; null when there is no such file. */
export async function openFile(
  bucket: R2Bucket,
  id: string,
  offset = 0,
): Promise<ReadableStream<Uint8Array> | null> {
  if (!isFileId(id)) return null;
  const range = offset === 0 ? {} : { range: { offset } };
  const object = await retryStorage(id, () => bucket.get(fileKey(id), range));
  return object === null ? null : (object.body as ReadableStream<Uint8Array>);
}

/** False when there was none. */
export async function deleteFile(bucket: R2Bucket, id: string): Promise<boolean> {
  if ((await headFile(bucket, id)) === null) return false;
  await retryStorage(id, () => bucket.delete(fileKey(id)));
  return true;
}

export interface FileQuery {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  readonly after: string | null;
  readonly purpose: string | null;
}

/** The oldest first means reading the list to its end, so that is bounded. */
export async function listFiles(
  bucket: R2Bucket,
  { limit, order, after, purpose }: FileQuery,
): Promise<{ data: FileJson[]; hasMore: boolean }> {
  const isAsc = order === 'asc';
  const start = after === null || isAsc ? undefined : fileKey(after);
  const found: FileJson[] = [];
  let nSeen = 0;
  for await (const object of listObjects(bucket, PREFIX, start)) {
    if (isAsc && after !== null && object.key >= fileKey(after)) break;
    const file = fileJson(object);
    if (purpose === null || file.purpose === purpose) found.push(file);
    if ((!isAsc && found.length > limit) || ++nSeen >= MAX_SEEN_FILES) break;
  }
  if (isAsc) found.reverse();
  return { data: found.slice(0, limit), hasMore: found.length > limit };
}

/** @throws {EngineError} E_NOT_FOUND */
export function fileNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `file: no file ${JSON.stringify(id.slice(0, 80))}; it was deleted or never uploaded.`,
    { param: 'file_id' },
  );
}
