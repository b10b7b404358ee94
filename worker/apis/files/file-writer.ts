/** Seals a file and writes it into the bucket as it arrives, holding one part of it at a time. */
import { reach } from '../../platform/rpc.ts';
import { retentionMs } from '../../access/content/retention.ts';
import { ContentBox } from '../../access/content/content-box.ts';
import { keyForWriting } from '../../access/content/content-keys.ts';
import type { ContentKey } from '../../platform/storage/seal.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { CHUNK_BYTES, chunkPlace } from './sealed-file.ts';
import { fileJson, fileKey, fileMetadata } from './stored-file.ts';
import type { FileJson, FilePurpose, FileStore, Owner } from './stored-file.ts';

/** R2's smallest part; all parts but the last must have one size. */
export const PART_BYTES = 5 * 1024 * 1024;

export interface NewFile {
  readonly owner: Owner;
  readonly id: string;
  readonly filename: string;
  readonly purpose: FilePurpose;
}

export class FileWriter {
  /** Bytes of the file so far. */
  nBytes = 0;
  /** Decides until the file is begun or finished. */
  purpose: FilePurpose;
  #chunks: Uint8Array[] = [];
  #nPending = 0;
  #upload: R2MultipartUpload | null = null;
  readonly #parts: R2UploadedPart[] = [];
  /** Content that waits to be sealed: at most one chunk. */
  readonly #plain = new Uint8Array(CHUNK_BYTES);
  #nPlain = 0;
  #nChunk = 0;
  #key: ContentKey | null = null;
  readonly #box: ContentBox;
  readonly #store: FileStore;
  readonly #bucket: R2Bucket;
  readonly #file: NewFile;

  constructor(store: FileStore, file: NewFile) {
    this.#store = store;
    this.#bucket = store.FILES;
    this.#file = file;
    this.purpose = file.purpose;
    this.#box = new ContentBox(store, file.owner, 'file', file.id);
  }

  /** Whether its metadata has been sent already. */
  get isBegun(): boolean {
    return this.#upload !== null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.nBytes += bytes.length;
    for (let from = 0; from < bytes.length;) {
      // A full chunk waits, since it may be the last.
      if (this.#nPlain === CHUNK_BYTES) await this.#sealChunk(false);
      const piece = bytes.subarray(from, from + CHUNK_BYTES - this.#nPlain);
      this.#plain.set(piece, this.#nPlain);
      this.#nPlain += piece.length;
      from += piece.length;
    }
  }

  async #sealChunk(isLast: boolean): Promise<void> {
    const place = chunkPlace(this.#nChunk++, isLast);
    const content = this.#plain.subarray(0, this.#nPlain);
    this.#nPlain = 0;
    const sealed = await this.#box.sealWith(await this.#writingKey(), place, content);
    await this.#append(new Uint8Array(sealed));
  }

  /** One key for the whole file. */
  async #writingKey(): Promise<ContentKey> {
    return (this.#key ??= await keyForWriting(this.#store, this.#file.owner));
  }

  async #append(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (this.#nPending + rest.length >= PART_BYTES) {
      const nFit = PART_BYTES - this.#nPending;
      this.#take(rest.subarray(0, nFit));
      rest = rest.subarray(nFit);
      await this.#sendPart();
    }
    if (rest.length > 0) this.#take(rest);
  }

  /** Completes the file, which exists only once this returns. */
  async finish(): Promise<FileJson> {
    await this.#sealChunk(true);
    await this.#limitTime();
    const upload = this.#upload;
    const key = fileKey(this.#file.owner, this.#file.id);
    if (upload === null) {
      const bytes = this.#drain();
      const options = await this.#options();
      const put = () => this.#bucket.put(key, bytes, options);
      return fileJson(await this.#retry(put));
    }
    if (this.#nPending > 0) await this.#sendPart();
    const object = await this.#retry(() => upload.complete(this.#parts));
    // The answer to completing an upload lacks the metadata.
    const head = await this.#retry(() => this.#bucket.head(key));
    return fileJson(head ?? object);
  }

  /** Its subject's object deletes the file when its time is over. */
  async #limitTime(): Promise<void> {
    if (retentionMs(this.#store) === Infinity) return;
    const { subject } = this.#file.owner;
    const object = this.#store.SUBJECT_KEYS.getByName(subject);
    await reach('subjects', () => object.expectFile(subject));
  }

  /** Removes what was written. R2 itself removes abandoned parts after a week. */
  async abandon(): Promise<void> {
    this.#chunks = [];
    this.#nPending = 0;
    await this.#upload?.abort().catch(() => undefined);
  }

  async #options(): Promise<R2MultipartOptions> {
    const { owner, filename } = this.#file;
    const { generation } = await this.#writingKey();
    return { customMetadata: fileMetadata(owner, filename, this.purpose, generation) };
  }

  #take(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#nPending += bytes.length;
  }

  async #sendPart(): Promise<void> {
    const options = await this.#options();
    const begin = () =>
      this.#bucket.createMultipartUpload(fileKey(this.#file.owner, this.#file.id), options);
    const upload = (this.#upload ??= await this.#retry(begin));
    const bytes = this.#drain();
    const number = this.#parts.length + 1;
    this.#parts.push(await this.#retry(() => upload.uploadPart(number, bytes)));
  }

  #retry<T>(call: () => Promise<T>): Promise<T> {
    return retryStorage(this.#file.id, call);
  }

  #drain(): Uint8Array {
    const bytes = new Uint8Array(this.#nPending);
    let at = 0;
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
    this.#nPending = 0;
    return bytes;
  }
}
