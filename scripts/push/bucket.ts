/**
 * The destination of a push, as the few operations it needs: the local R2 of the development
 * server, or a real bucket through wrangler. Objects are named as the stage Worker reads them.
 */

export interface ObjectInfo {
  readonly bytes: number;
  /** Hex; null when the bucket does not know it. */
  readonly sha256: string | null;
}

export interface Bucket {
  /** For messages: `local R2`, `bucket thimble-models`. */
  readonly label: string;
  /** Null for a bucket that has no such operation; its manifest is trusted instead. */
  readonly head: ((key: string) => Promise<ObjectInfo | null>) | null;
  getText(key: string): Promise<string | null>;
  getBytes(key: string): Promise<Uint8Array<ArrayBuffer> | null>;
  put(key: string, bytes: Uint8Array, sha256: string): Promise<void>;
  /**
   * Writes only if the object still is `expected` (null: missing); false if not. Buckets that cannot
   * compare while they write look just before.
   */
  putIfSame(
    key: string,
    bytes: Uint8Array,
    sha256: string,
    expected: string | null,
  ): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Ids of the models whose manifest is in the bucket; null when it cannot list. */
  listModelIds(): Promise<string[] | null>;
  /** Keys that begin with `prefix`; null when it cannot list. */
  listKeys(prefix: string): Promise<string[] | null>;
  close(): Promise<void>;
}
