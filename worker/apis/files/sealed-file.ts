/**
 * A sealed file: chunks of one size, each sealed by itself, so that reading can begin anywhere. Whether a chunk is the
 * last is part of its place: a file that was cut short does not open.
 */
import type { ContentBox } from '../../access/content/content-box.ts';
import { SEAL_OVERHEAD_BYTES } from '../../platform/storage/seal.ts';

export const CHUNK_BYTES = 64 * 1024;
const SEALED_CHUNK_BYTES = CHUNK_BYTES + SEAL_OVERHEAD_BYTES;

export const chunkPlace = (index: number, isLast: boolean): string =>
  `${isLast ? 'last' : 'chunk'}/${index}`;

/** Bytes of the content of `nSealed` sealed bytes. */
export function plainBytes(nSealed: number): number {
  return nSealed - nChunk(nSealed) * SEAL_OVERHEAD_BYTES;
}

/** Where reading begins, to get the content from byte `offset` on. */
export function sealedOffset(offset: number): number {
  return Math.floor(offset / CHUNK_BYTES) * SEALED_CHUNK_BYTES;
}

/**
 * The content from byte `offset` on.
 * @param sealed the bytes from `sealedOffset(offset)` on
 * @param nSealed sealed bytes of the whole file
 * @throws {EngineError} E_CONTENT_INVALID
 */
export async function* openChunks(
  box: ContentBox,
  sealed: AsyncIterable<Uint8Array>,
  nSealed: number,
  offset: number,
): AsyncGenerator<Uint8Array, void, void> {
  const last = nChunk(nSealed) - 1;
  let index = Math.floor(offset / CHUNK_BYTES);
  let skip = offset % CHUNK_BYTES;
  for await (const envelope of chunksOf(sealed)) {
    const content = await box.bytes(chunkPlace(index, index === last), envelope);
    // The key was destroyed while the file was read.
    if (content === null) return;
    yield content.subarray(skip);
    index++;
    skip = 0;
  }
}

/** An empty file has a chunk, too. */
function nChunk(nSealed: number): number {
  return Math.max(1, Math.ceil(nSealed / SEALED_CHUNK_BYTES));
}

/** Cuts a stream into sealed chunks. */
async function* chunksOf(
  stream: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  let chunk = new Uint8Array(SEALED_CHUNK_BYTES);
  let n = 0;
  for await (const bytes of stream)
    for (let from = 0; from < bytes.length;) {
      const piece = bytes.subarray(from, from + SEALED_CHUNK_BYTES - n);
      chunk.set(piece, n);
      n += piece.length;
      from += piece.length;
      if (n < SEALED_CHUNK_BYTES) continue;
      yield chunk;
      chunk = new Uint8Array(SEALED_CHUNK_BYTES);
      n = 0;
    }
  if (n > 0) yield chunk.subarray(0, n);
}
