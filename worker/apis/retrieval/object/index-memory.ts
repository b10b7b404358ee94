/**
 * Which collections have their vectors in this isolate's memory, whose 128 MB all objects of the script
 * share: beyond a bound, those that were used least recently go. Their rows stay in SQLite, from where
 * the next search reads them again.
 */

import { RecentCache } from '../../../../engine/base/recent-cache.ts';

/** Of one isolate. Collections of 100,000 passages have 40 MB each. */
export const MAX_INDEX_BYTES = 48_000_000;

interface Held {
  readonly bytes: number;
  /** Makes the owner forget its vectors. */
  readonly drop: () => void;
}

/** @param maxBytes of all owners together */
export function indexMemory(maxBytes: number = MAX_INDEX_BYTES): RecentCache<object, Held> {
  return new RecentCache({
    maxSize: maxBytes,
    sizeOf: ({ bytes }) => bytes,
    onEvict: ({ drop }) => drop(),
  });
}

/** By the object that holds them. */
export const INDEX_MEMORY = indexMemory();
