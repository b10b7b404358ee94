/** Writes a file into the bucket as it arrives, holding one part of it at a time. */
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { fileJson, fileKey, fileMetadata } from './stored-file.ts';
import type { FileJson, FilePurpose, Owner } from './stored-file.ts';

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
  #chunks: Uint8Array[] = [];
  #nPending = 0;
  #upload: R2MultipartUpload | null = null;
  readonly #parts: R2UploadedPart[] = [];
  readonly #bucket: R2Bucket;
  readonly #file: NewFile;

  constructor(bucket: R2Bucket, file: NewFile) {
    this.#bucket = bucket;
    this.#file = file;
  }

  /** Keeps a reference to `chunk`, which must not change afterwards. */
  async write(chunk: Uint8Array): Promise<void> {
    this.nBytes += chunk.length;
    let rest = chunk;
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
    const upload = this.#upload;
    const key = fileKey(this.#file.owner, this.#file.id);
    if (upload === null) {
      const bytes = this.#drain();
      const put = () => this.#bucket.put(key, bytes, this.#options());
      return fileJson(await this.#retry(put));
    }
    if (this.#nPending > 0) await this.#sendPart();
    const object = await this.#retry(() => upload.complete(this.#parts));
    // The answer to completing an upload lacks the metadata.
    const head = await this.#retry(() => this.#bucket.head(key));
    return fileJson(head ?? object);
  }

  /** Removes what was written. R2 itself removes abandoned parts after a week. */
  async abandon(): Promise<void> {
    this.#chunks = [];
    this.#nPending = 0;
    await this.#upload?.abort().catch(() => undefined);
  }

  #options(): R2MultipartOptions {
    return {
      customMetadata: fileMetadata(this.#file.owner, this.#file.filename, this.#file.purpose),
    };
  }

  #take(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#nPending += bytes.length;
  }

  async #sendPart(): Promise<void> {
    const begin = () =>
      this.#bucket.createMultipartUpload(fileKey(this.#file.owner, this.#file.id), this.#options());
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
