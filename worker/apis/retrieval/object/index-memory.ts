/**
 * Which collections have their vectors in this isolate's memory, whose 128 MB all objects of the script
 * share: beyond a bound, those that were used least recently go. Their rows stay in SQLite, from where
 * the next search reads them again.
 */

/** Of one isolate. Collections of 100,000 passages have 40 MB each. */
export const MAX_INDEX_BYTES = 48_000_000;

interface Held {
  readonly bytes: number;
  readonly drop: () => void;
}

/** In order of last use. */
const held = new Map<object, Held>();

/**
 * Notes that `owner` uses `bytes`, and lets go of others that were not used for longest.
 * @param drop makes the owner forget its vectors
 */
export function useIndexMemory(
  owner: object,
  bytes: number,
  drop: () => void,
  most: number = MAX_INDEX_BYTES,
): void {
  forgetIndexMemory(owner);
  held.set(owner, { bytes, drop });
  let total = 0;
  for (const { bytes: each } of held.values()) total += each;
  for (const [other, row] of held) {
    if (total <= most || other === owner) break;
    held.delete(other);
    total -= row.bytes;
    row.drop();
  }
}

export function forgetIndexMemory(owner: object): void {
  held.delete(owner);
}
