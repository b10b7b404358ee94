/**
 * Which ids of keys there are, so that made-up ones cost neither an object nor a read of the bucket each. Ids are
 * never taken off the list, and stand on it before their record does.
 */
import { BucketRecord } from '../platform/bucket-record.ts';
import { KEY_INDEX, parseKeyIndex } from './key-record.ts';
import { drain, fill } from './rate-bucket.ts';
import type { RateBucket } from './rate-bucket.ts';

/** How often an isolate reads the list for ids that are not on it: 30 at once, then one every two seconds. */
export const MAX_READS_PER_MINUTE = 30;

export class KeyIds {
  readonly #list = new BucketRecord(KEY_INDEX, (text) => new Set(parseKeyIndex(text)), 0);
  #ids: ReadonlySet<string> | null = null;
  #reads: RateBucket | null = null;

  /** Whether there may be a key of this id; true where the list is missing or cannot be read. */
  async mayHold(bucket: R2Bucket, id: string, nowMs = Date.now()): Promise<boolean> {
    if (this.#ids?.has(id) === true) return true;
    this.#reads = fill(this.#reads, MAX_READS_PER_MINUTE, nowMs);
    if (this.#reads.level >= 1) {
      this.#reads = drain(this.#reads, 1);
      try {
        this.#ids = await this.#list.read(bucket);
      } catch {
        // The key's own object reads its record, and says what is wrong.
        return true;
      }
    }
    return this.#ids === null || this.#ids.has(id);
  }
}
