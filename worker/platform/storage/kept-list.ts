/** List of the objects that nothing else lists, by kind, subject and name: an empty object of the bucket each. */
import { objectName } from '../caller.ts';
import type { Caller } from '../caller.ts';
import { listObjects } from './bucket.ts';
import { retryStorage } from './retry-storage.ts';

export const KEPT_PREFIX = 'kept/';

/** What a subject keeps that has no list of its own. */
export type ListedKind = 'session' | 'response' | 'record';

const LISTED: ReadonlySet<string> = new Set<ListedKind>(['session', 'response', 'record']);

export function isListed(kind: string): kind is ListedKind {
  return LISTED.has(kind);
}

type Owner = Pick<Caller, 'subject'>;

/** Puts an object on the list, before it keeps anything. */
export async function noteKept(
  bucket: R2Bucket,
  kind: ListedKind,
  owner: Owner,
  name: string,
): Promise<void> {
  await retryStorage(`list of ${kind}s`, () => bucket.put(keyOf(kind, owner, name), ''));
}

/** Takes an object off the list, after it was emptied. */
export async function forgetKept(
  bucket: R2Bucket,
  kind: ListedKind,
  owner: Owner,
  name: string,
): Promise<void> {
  await retryStorage(`list of ${kind}s`, () => bucket.delete(keyOf(kind, owner, name)));
}

/** The first `limit` names of a subject after `after`, in order; from the beginning with ''. */
export async function keptNames(
  bucket: R2Bucket,
  kind: ListedKind,
  owner: Owner,
  after: string,
  limit: number,
): Promise<string[]> {
  const prefix = keyOf(kind, owner, '');
  const names: string[] = [];
  const start = after === '' ? undefined : prefix + after;
  for await (const { key } of listObjects(bucket, prefix, start)) {
    names.push(key.slice(prefix.length));
    if (names.length === limit) break;
  }
  return names;
}

/**
 * Names of objects, of a subject or of all, after the object `after`: in order, at most `limit`. From the beginning
 * with ''; what is after a name of another subject is still only what `owner` keeps.
 */
export async function keptObjects(
  bucket: R2Bucket,
  kind: ListedKind,
  owner: Owner | null,
  after: string,
  limit: number,
): Promise<string[]> {
  const root = `${KEPT_PREFIX}${kind}/`;
  const prefix = owner === null ? root : keyOf(kind, owner, '');
  const names: string[] = [];
  const start = after === '' ? undefined : root + after;
  for await (const { key } of listObjects(bucket, prefix, start)) {
    names.push(key.slice(root.length));
    if (names.length === limit) break;
  }
  return names;
}

const keyOf = (kind: ListedKind, owner: Owner, name: string): string =>
  `${KEPT_PREFIX}${kind}/${objectName(owner, name)}`;
