/**
 * A small record in the models' bucket that every request needs and that seldom changes. It is believed for a
 * while; then R2 is asked whether it has changed.
 */
import { retryWeights } from './model-files.ts';

interface Known<T> {
  readonly value: T | null;
  readonly etag: string | null;
  checkedAtMs: number;
}

export class BucketRecord<T> {
  readonly #key: string;
  readonly #parse: (text: string) => T;
  readonly #recheckMs: number;
  #known: Known<T> | null = null;
  #reading: Promise<Known<T>> | null = null;

  /** @param parse of the record's text; what it throws, `read` throws */
  constructor(key: string, parse: (text: string) => T, recheckMs: number) {
    this.#key = key;
    this.#parse = parse;
    this.#recheckMs = recheckMs;
  }

  /** The present record; null where there is none. @throws {EngineError} E_WEIGHTS_FETCH; errors of `parse` */
  async read(bucket: R2Bucket): Promise<T | null> {
    const known = this.#known;
    if (known !== null && Date.now() - known.checkedAtMs < this.#recheckMs) return known.value;
    // Requests that arrive in the meantime share the result.
    this.#reading ??= this.#refresh(bucket, known).finally(() => (this.#reading = null));
    this.#known = await this.#reading;
    return this.#known.value;
  }

  async #refresh(bucket: R2Bucket, before: Known<T> | null): Promise<Known<T>> {
    const checkedAtMs = Date.now();
    const etag = before?.etag ?? null;
    const only = etag === null ? {} : { onlyIf: { etagDoesNotMatch: etag } };
    const read = await retryWeights(this.#key, async () => {
      const object: R2ObjectBody | R2Object | null = await bucket.get(this.#key, only);
      if (object === null) return null;
      if (!('body' in object)) return 'unchanged' as const;
      return { text: await object.text(), etag: object.etag };
    });
    if (read === null) return { value: null, etag: null, checkedAtMs };
    if (read === 'unchanged') return { ...before!, checkedAtMs };
    return { value: this.#parse(read.text), etag: read.etag, checkedAtMs };
  }
}
