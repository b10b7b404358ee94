/**
 * Collections with their vectors in this isolate's memory, whose 128 MB all objects of the script
 * share: above a limit, the least recently used are dropped. Their rows stay in SQLite, from where
 * the next search reads them again.
 */

import { RecentCache } from '../../../../engine/base/recent-cache.ts';

/** Limit of one isolate. A collection of 100,000 passages takes 40 MB. */
export const MAX_INDEX_BYTES = 48_000_000;

interface Held {
  readonly bytes: number;
  /** Makes the owner drop its vectors. */
  readonly drop: () => void;
}

/** @param maxBytes limit of all owners together */
export function indexMemory(maxBytes: number = MAX_INDEX_BYTES): RecentCache<object, Held> {
  return new RecentCache({
    maxSize: maxBytes,
    sizeOf: ({ bytes }) => bytes,
    onEvict: ({ drop }) => drop(),
  });
}

/** The isolate's vectors, by the object that holds them. */
export const INDEX_MEMORY = indexMemory();
