/**
 * Which ids of keys there are, so that made-up ones cost neither an object nor a read of the bucket each. Ids are
 * never taken off the list, and stand on it before their record does.
 */
import { RecentCache } from '../../engine/base/recent-cache.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { BucketRecord } from '../platform/bucket-record.ts';
import { retryStorage } from '../platform/storage/retry-storage.ts';
import { KEY_INDEX, keyIndexText, parseKeyIndex } from './key-record.ts';
import { drain, fill } from './rate-bucket.ts';
import type { RateBucket } from './rate-bucket.ts';

/** How often an isolate reads the list for ids that are not on it: 120 at once, then two a second. */
export const MAX_READS_PER_MINUTE = 120;
/** How long an id that was not on the list is refused without another look. */
export const UNKNOWN_MS = 1000;

/** How long a read may be joined whose request may have been cut off. */
const JOIN_MS = 200;

export class KeyIds {
  readonly #list = new BucketRecord(KEY_INDEX, (text) => new Set(parseKeyIndex(text)), 0);
  /** Until when ids are refused that were not on the list. */
  readonly #unknown = new RecentCache<string, number>({ maxEntries: 1000 });
  #ids: ReadonlySet<string> | null = null;
  #reads: RateBucket | null = null;
  /** Until when those that come join the read that is under way. */
  #joinUntilMs = 0;

  /** Whether there may be a key of this id; true where the list is missing or cannot be read. */
  async mayHold(bucket: R2Bucket, id: string, nowMs = Date.now()): Promise<boolean> {
    if (this.#ids?.has(id) === true) return true;
    if ((this.#unknown.get(id) ?? 0) > nowMs) return false;
    const hasRead = nowMs < this.#joinUntilMs || this.#takeRead(nowMs);
    if (hasRead) {
      try {
        this.#ids = await this.#list.read(bucket);
      } catch {
        // The key's own object reads its record, and says what is wrong.
        return true;
      } finally {
        this.#joinUntilMs = 0;
      }
    }
    const isKnown = this.#ids === null || this.#ids.has(id);
    if (!isKnown && hasRead) this.#unknown.set(id, nowMs + UNKNOWN_MS);
    return isKnown;
  }

  #takeRead(nowMs: number): boolean {
    this.#reads = fill(this.#reads, MAX_READS_PER_MINUTE, nowMs);
    if (this.#reads.level < 1) return false;
    this.#reads = drain(this.#reads, 1);
    this.#joinUntilMs = nowMs + JOIN_MS;
    return true;
  }
}

/** Times a change of the list is made again on what somebody else wrote meanwhile. */
const MAX_TRIES = 5;

/** Puts an id on the list, before its record is written. @throws {EngineError} E_BUSY when others are always faster */
export async function listKeyId(bucket: R2Bucket, id: string): Promise<void> {
  for (let i = 0; i < MAX_TRIES; i++) {
    const found = await retryStorage(KEY_INDEX, () => bucket.get(KEY_INDEX));
    const ids = found === null ? [] : parseKeyIndex(await found.text());
    if (ids.includes(id)) return;
    const onlyIf = found === null ? { etagDoesNotMatch: '*' } : { etagMatches: found.etag };
    const text = keyIndexText([...ids, id]);
    if ((await retryStorage(KEY_INDEX, () => bucket.put(KEY_INDEX, text, { onlyIf }))) !== null)
      return;
  }
  throw new EngineError('E_BUSY', 'keys: others change the list at the same time. Try again.');
}
