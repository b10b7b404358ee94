/**
 * Ids that sort by age, the newest first, since buckets list keys in order: a page of the newest needs
 * no index besides the bucket.
 */

/** Larger than any time in milliseconds that will occur; 12 hexadecimal digits. */
const END_OF_TIME_MS = 0xffff_ffff_ffff;
const N_TIME_DIGIT = 12;
const N_RANDOM_DIGIT = 20;

/** @param prefix with its separator, such as `file-` or `batch_` */
export function newObjectId(prefix: string, nowMs: number = Date.now()): string {
  const time = (END_OF_TIME_MS - nowMs).toString(16).padStart(N_TIME_DIGIT, '0');
  return prefix + time + randomDigits().slice(0, N_RANDOM_DIGIT);
}

/** What ids of this kind that were made before a time sort after. */
export function idBefore(prefix: string, timeMs: number): string {
  return prefix + (END_OF_TIME_MS - timeMs).toString(16).padStart(N_TIME_DIGIT, '0') + '~';
}

/** When an id was made, in milliseconds. */
export function timeOfId(prefix: string, id: string): number {
  return END_OF_TIME_MS - parseInt(id.slice(prefix.length, prefix.length + N_TIME_DIGIT), 16);
}

export function isObjectId(prefix: string, id: string): boolean {
  const digits = id.slice(prefix.length);
  const isWhole = digits.length === N_TIME_DIGIT + N_RANDOM_DIGIT && /^[0-9a-f]+$/.test(digits);
  return id.startsWith(prefix) && isWhole;
}

/** 32 hexadecimal digits. */
export function randomDigits(): string {
  return crypto.randomUUID().replaceAll('-', '');
}
