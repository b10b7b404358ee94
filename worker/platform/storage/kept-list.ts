/** List of the objects that nothing else lists, by kind and name: an empty object of a bucket each. */
import { retryStorage } from './retry-storage.ts';

export const KEPT_PREFIX = 'kept/';

/** Puts an object on the list of its kind, before it keeps anything. Does nothing for one that has no name. */
export async function noteKept(
  { id: { name } }: DurableObjectState,
  bucket: R2Bucket,
  kind: string,
): Promise<void> {
  if (name === undefined) return;
  await retryStorage(`list of ${kind}`, () => bucket.put(keyOf(kind, name), ''));
}

/** Takes an object off the list of its kind, after it was emptied. */
export async function forgetKept(
  { id: { name } }: DurableObjectState,
  bucket: R2Bucket,
  kind: string,
): Promise<void> {
  if (name === undefined) return;
  await retryStorage(`list of ${kind}`, () => bucket.delete(keyOf(kind, name)));
}

const keyOf = (kind: string, name: string): string => `${KEPT_PREFIX}${kind}/${name}`;
