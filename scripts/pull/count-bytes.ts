/** A stream stage that passes bytes on and reports how many. */
import { Transform } from 'node:stream';
import type { OnProgress } from '../lib/progress.ts';

export function countBytes(totalBytes: number | null, onProgress?: OnProgress): Transform {
  let done = 0;
  return new Transform({
    transform(chunk: Uint8Array, _encoding, next) {
      done += chunk.byteLength;
      onProgress?.({ done, total: totalBytes, unit: 'bytes' });
      next(null, chunk);
    },
  });
}
