/** Files in the bucket: their keys, JSON and lists. */
import { EngineError } from '../../../engine/base/errors.ts';
import { objectName } from '../../platform/caller.ts';
import type { Caller } from '../../platform/caller.ts';
import { ContentBox } from '../../access/content/content-box.ts';
import { keyForReading } from '../../access/content/content-keys.ts';
import { byteStream } from '../../platform/byte-stream.ts';
import { listObjects } from '../../platform/storage/bucket.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { idBefore, isObjectId, newObjectId, timeOfId } from '../../platform/storage/object-id.ts';

/** Who owns a file: it does not exist for other subjects. Its bytes count in the account that wrote it. */
export type Owner = Pick<Caller, 'subject' | 'account' | 'requestId'>;

/** Where files lie, and the keys that they are sealed with. */
export type FileStore = Pick<FilesEnv, 'FILES' | 'SUBJECT_KEYS' | 'RETENTION_DAYS'>;

import type { FilesEnv } from './env.ts';
import { openChunks, plainBytes, sealedOffset } from './sealed-file.ts';

/** Prefix of files; models have a prefix of their own. */
const PREFIX = 'files/';
const ID_PREFIX = 'file-';
/** OpenAI's names for the files that batches read, those of fine-tuning, those that vector stores take, and pictures. */
export const UPLOAD_PURPOSES = ['batch', 'fine-tune', 'assistants', 'user_data', 'vision'] as const;
export type FilePurpose = (typeof UPLOAD_PURPOSES)[number] | 'batch_output' | 'fine-tune-results';
/** Percent-encoded, a name fits R2's 2,048 bytes of metadata. */
const MAX_NAME_CHARS = 200;
/** Most files that are read for one list: 10 pages of the bucket. */
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
export const fileKey = (owner: Owner, id: string): string => PREFIX + objectName(owner, id);

/** The bucket's metadata of a file. */
export function fileMetadata(
  { account }: Owner,
  filename: string,
  purpose: FilePurpose,
  generation: number,
): Record<string, string> {
  // Metadata is sent in headers, so the name is percent-encoded.
  const name = encodeURIComponent(filename.slice(0, MAX_NAME_CHARS).toWellFormed());
  return {
    filename: name,
    purpose,
    key: String(generation),
    ...(account === null ? {} : { account }),
  };
}

export function fileJson(object: R2Object): FileJson {
  const { filename = '', purpose = '' } = object.customMetadata ?? {};
  return {
    id: object.key.slice(object.key.lastIndexOf('/') + 1),
    object: 'file',
    bytes: isSealed(object) ? plainBytes(object.size) : object.size,
    created_at: Math.floor(object.uploaded.getTime() / 1000),
    filename: decodeURIComponent(filename),
    purpose,
    status: 'processed',
  };
}

/** Files of earlier versions lie in the clear. */
const isSealed = ({ customMetadata }: R2Object): boolean => customMetadata?.['key'] !== undefined;

/** A file's JSON; null when there is no such file. */
export async function headFile(
  bucket: R2Bucket,
  owner: Owner,
  id: string,
): Promise<FileJson | null> {
  if (!isFileId(id)) return null;
  const object = await retryStorage(id, () => bucket.head(fileKey(owner, id)));
  return object === null ? null : fileJson(object);
}

/** Content from byte `offset` on; null when there is no such file, or its key has been destroyed. */
export async function openFile(
  store: FileStore,
  owner: Owner,
  id: string,
  offset = 0,
): Promise<ReadableStream<Uint8Array> | null> {
  if (!isFileId(id)) return null;
  const key = fileKey(owner, id);
  const head = await retryStorage(id, () => store.FILES.head(key));
  if (head === null) return null;
  const from = isSealed(head) ? sealedOffset(offset) : offset;
  const range = from === 0 ? {} : { range: { offset: from } };
  const object = await retryStorage(id, () => store.FILES.get(key, range));
  if (object === null) return null;
  const body = object.body as ReadableStream<Uint8Array>;
  if (!isSealed(head)) return body;
  const generation = Number(head.customMetadata?.['key']);
  if ((await keyForReading(store, owner, generation)) === null) {
    await body.cancel();
    return null;
  }
  const box = new ContentBox(store, owner, 'file', id);
  return byteStream(openChunks(box, body, object.size, offset));
}

/** What is known of a file that was deleted. */
export interface DeletedFile {
  readonly bytes: number;
  /** Where its bytes were counted; null for nowhere. */
  readonly account: string | null;
}

/** @returns null when there is no such file */
export async function deleteFile(
  bucket: R2Bucket,
  owner: Owner,
  id: string,
): Promise<DeletedFile | null> {
  if (!isFileId(id)) return null;
  const key = fileKey(owner, id);
  const object = await retryStorage(id, () => bucket.head(key));
  if (object === null) return null;
  await retryStorage(id, () => bucket.delete(key));
  return { bytes: fileJson(object).bytes, account: object.customMetadata?.['account'] ?? null };
}

export interface FileQuery {
  readonly limit: number;
  readonly order: 'asc' | 'desc';
  readonly after: string | null;
  readonly purpose: string | null;
}

/** Listing the oldest first reads the list to its end, so that is bounded. */
export async function listFiles(
  bucket: R2Bucket,
  owner: Owner,
  { limit, order, after, purpose }: FileQuery,
): Promise<{ data: FileJson[]; hasMore: boolean }> {
  const isAsc = order === 'asc';
  const start = after === null || isAsc ? undefined : fileKey(owner, after);
  const found: FileJson[] = [];
  let nSeen = 0;
  for await (const object of listObjects(bucket, fileKey(owner, ''), start)) {
    if (isAsc && after !== null && object.key >= fileKey(owner, after)) break;
    const file = fileJson(object);
    if (purpose === null || file.purpose === purpose) found.push(file);
    if ((!isAsc && found.length > limit) || ++nSeen >= MAX_SEEN_FILES) break;
  }
  if (isAsc) found.reverse();
  return { data: found.slice(0, limit), hasMore: found.length > limit };
}

/** Ids of all files, the newest first, after the id `after` unless it is empty. */
export async function listFileIds(
  bucket: R2Bucket,
  owner: Owner,
  after: string,
  limit: number,
): Promise<string[]> {
  const prefix = fileKey(owner, '');
  const start = after === '' ? {} : { startAfter: prefix + after };
  const { objects } = await retryStorage('list of files', () =>
    bucket.list({ prefix, limit, ...start }),
  );
  return objects.map(({ key }) => key.slice(prefix.length));
}

/** An id that the files made before a time come after, as `after` of listFileIds. */
export const fileIdBefore = (timeMs: number): string => idBefore(ID_PREFIX, timeMs);

/** When the subject's oldest file was made, in milliseconds; null without files. Reads the whole list. */
export async function oldestFileMs(bucket: R2Bucket, owner: Owner): Promise<number | null> {
  const prefix = fileKey(owner, '');
  let last: string | null = null;
  for await (const { key } of listObjects(bucket, prefix)) last = key.slice(prefix.length);
  return last === null ? null : timeOfId(ID_PREFIX, last);
}

/** @throws {EngineError} E_NOT_FOUND */
export function fileNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `file: no file ${JSON.stringify(id.slice(0, 80))}; it was deleted or never uploaded.`,
    { param: 'file_id' },
  );
}
