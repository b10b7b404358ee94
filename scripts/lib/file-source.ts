/** Model files on disk as ByteSources. */
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { ByteSource } from '../../engine/formats/byte-source.ts';

export interface FileSource extends ByteSource, AsyncDisposable {
  readonly path: string;
}

export async function openFileSource(path: string): Promise<FileSource> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    name: basename(path),
    path,
    bytes: size,
    async read(offset, length) {
      const data = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(data, done, length - done, offset + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done === length ? data : data.subarray(0, done);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}
