/** Writes a file into the bucket as it comes, holding one part of it at a time. */
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { type FileJson, fileJson, fileKey, fileMetadata, type FilePurpose } from './stored-file.ts';

/** The bucket's smallest part; all but the last must be of one size. */
export const PART_BYTES = 5 * 1024 * 1024;

export interface NewFile {
  readonly id: string;
  readonly filename: string;
  readonly purpose: FilePurpose;
}

export class FileWriter {
  /** Of the whole file, so far. */
  nBytes = 0;
  private chunks: Uint8Array[] = [];
  private nPending = 0;
  private upload: R2MultipartUpload | null = null;
  private readonly parts: R2UploadedPart[] = [];
  private readonly bucket: R2Bucket;
  private readonly file: NewFile;

  constructor(bucket: R2Bucket, file: NewFile) {
    this.bucket = bucket;
    this.file = file;
  }

  /** Keeps `chunk` as it is: it must not change afterwards. */
  async write(chunk: Uint8Array): Promise<void> {
    this.nBytes += chunk.length;
    let rest = chunk;
    while (this.nPending + rest.length >= PART_BYTES) {
      const nFit = PART_BYTES - this.nPending;
      this.take(rest.subarray(0, nFit));
      rest = rest.subarray(nFit);
      await this.sendPart();
    }
    if (rest.length > 0) this.take(rest);
  }

  /** The file is there once this returns, and not before. */
  async finish(): Promise<FileJson> {
    const { upload, parts, bucket } = this;
    if (upload === null) {
      const bytes = this.drain();
      const { id } = this.file;
      return fileJson(await retryStorage(id, () => bucket.put(fileKey(id), bytes, this.options())));
    }
    if (this.nPending > 0) await this.sendPart();
    const object = await retryStorage(this.file.id, () => upload.complete(parts));
    // What completing answers lacks the metadata.
    const head = await retryStorage(this.file.id, () => bucket.head(fileKey(this.file.id)));
    return fileJson(head ?? object);
  }

  /** Leaves nothing behind. What cannot be removed now the bucket removes after a week. */
  async abandon(): Promise<void> {
    this.chunks = [];
    this.nPending = 0;
    await this.upload?.abort().catch(() => undefined);
  }

  private options(): R2MultipartOptions {
    return { customMetadata: fileMetadata(this.file.filename, this.file.purpose) };
  }

  private take(bytes: Uint8Array): void {
    this.chunks.push(bytes);
    this.nPending += bytes.length;
  }

  private async sendPart(): Promise<void> {
    const { bucket, file } = this;
    this.upload ??= await retryStorage(file.id, () =>
      bucket.createMultipartUpload(fileKey(file.id), this.options()),
    );
    const bytes = this.drain();
    const { upload } = this;
    const number = this.parts.length + 1;
    this.parts.push(await retryStorage(file.id, () => upload.uploadPart(number, bytes)));
  }

  private drain(): Uint8Array {
    const bytes = new Uint8Array(this.nPending);
    let at = 0;
    for (const chunk of this.chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.chunks = [];
    this.nPending = 0;
    return bytes;
  }
}
