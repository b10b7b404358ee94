/** SHA-256 of files too large to hold. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** Lower-case hex. `onBytes` is called with the size of every part that was read. */
export async function hashFile(path: string, onBytes?: (bytes: number) => void): Promise<string> {
  const hash = createHash('sha256');
  const stream: AsyncIterable<Uint8Array> = createReadStream(path, { highWaterMark: 1 << 20 });
  for await (const chunk of stream) {
    hash.update(chunk);
    onBytes?.(chunk.byteLength);
  }
  return hash.digest('hex');
}

/** One hash of several files in their order: a file's own when it is alone. */
export function hashOfHashes(hashes: readonly string[]): string {
  const [first = ''] = hashes;
  if (hashes.length === 1) return first;
  return createHash('sha256').update(hashes.join('\n')).digest('hex');
}

export function hashBytes(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
