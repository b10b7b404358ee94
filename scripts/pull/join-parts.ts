/**
 * One file out of parts that are fetched one after the other. Each part is appended to the file once it is
 * whole, and removed: the file's length says how many parts are in it, so that a pull that was cut off
 * goes on with the part it lacks, and the disk holds the file and one part at most.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { requireFreeBytes } from '../lib/disk.ts';
import type { FilePart } from './catalogue/entry.ts';

/** Path of a part's verified bytes, and whether it lies elsewhere and stays. */
export interface FetchedPart {
  readonly path: string;
  readonly isBorrowed: boolean;
}

/**
 * Leaves all parts, joined in their order, at `path`.
 * @param fetchPart gets part `index`; `before` is the number of bytes of the parts before it
 * @throws {EngineError} E_DISK before anything is fetched when the disk cannot hold the file; what fetchPart throws.
 */
export async function joinParts(
  path: string,
  parts: readonly FilePart[],
  fetchPart: (part: FilePart, index: number, before: number) => Promise<FetchedPart>,
): Promise<void> {
  const { nWhole, bytes } = wholeParts(parts, await bytesOf(path));
  // What follows the last whole part was being written when the last pull was cut off.
  if (bytes < (await bytesOf(path))) await truncate(path, bytes);
  const missing = parts.slice(nWhole);
  const missingBytes = missing.reduce((sum, part) => sum + part.bytes, 0);
  const largest = Math.max(0, ...missing.map((part) => part.bytes));
  requireFreeBytes(dirname(path), missingBytes + largest, 'pull');
  let before = bytes;
  for (const [i, part] of missing.entries()) {
    const fetched = await fetchPart(part, nWhole + i, before);
    await pipeline(createReadStream(fetched.path), createWriteStream(path, { flags: 'a' }));
    if (!fetched.isBorrowed) await rm(fetched.path, { force: true });
    before += part.bytes;
  }
}

/** Parts that lie whole in the first `bytes` of their file, and how long they are together. */
function wholeParts(
  parts: readonly FilePart[],
  bytes: number,
): { readonly nWhole: number; readonly bytes: number } {
  let end = 0;
  for (const [i, part] of parts.entries()) {
    if (end + part.bytes > bytes) return { nWhole: i, bytes: end };
    end += part.bytes;
  }
  return { nWhole: parts.length, bytes: end };
}

async function bytesOf(path: string): Promise<number> {
  const info = await stat(path).catch(() => null);
  return info?.size ?? 0;
}
