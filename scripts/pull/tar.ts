/**
 * One file out of a .tgz (an npm package): the POSIX tar header (ustar, pax `path`/`size`, GNU long
 * names), read as a stream. Spec: IEEE Std 1003.1, pax, "ustar Interchange Format".
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { createGunzip } from 'node:zlib';
import { EngineError } from '../../engine/base/errors.ts';
import type { OnProgress } from '../lib/progress.ts';

const BLOCK_BYTES = 512;
/** A pax header or long name beyond this is not a name but an attack. */
const MAX_META_BYTES = 1 << 20;

interface TarHeader {
  readonly name: string;
  readonly bytes: number;
  readonly type: string;
}

/**
 * Writes the member `innerPath` of `tgzPath` to `outPath`.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when it is missing or the archive is damaged.
 */
export async function extractTarEntry(
  tgzPath: string,
  innerPath: string,
  outPath: string,
  onProgress?: OnProgress,
): Promise<void> {
  const reader = new ChunkReader(createReadStream(tgzPath).pipe(createGunzip()));
  try {
    let pax: { path?: string; size?: number } = {};
    for (;;) {
      const block = await reader.take(BLOCK_BYTES);
      if (block === null || block.every((byte) => byte === 0)) break;
      const header = parseHeader(block, tgzPath);
      const name = pax.path ?? header.name;
      const bytes = pax.size ?? header.bytes;
      if (header.type === 'x' || header.type === 'L') {
        pax = { ...pax, ...(await readMeta(reader, header, tgzPath)) };
        continue;
      }
      pax = {};
      if (header.type === '0' && name === innerPath) {
        await writeMember(reader, bytes, outPath, onProgress);
        return;
      }
      await reader.skip(roundUp(bytes));
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')) {
      throw badArchive(tgzPath, error.message);
    }
    throw error;
  } finally {
    reader.close();
  }
  throw badArchive(tgzPath, `holds no ${innerPath}`);
}

function parseHeader(block: Uint8Array, tgzPath: string): TarHeader {
  const text = (start: number, length: number) => {
    const raw = block.subarray(start, start + length);
    const end = raw.indexOf(0);
    return new TextDecoder().decode(end < 0 ? raw : raw.subarray(0, end));
  };
  const octal = (start: number, length: number) => {
    const digits = text(start, length).trim();
    if (!/^[0-7]+$/.test(digits)) throw badArchive(tgzPath, 'has a damaged header');
    return Number.parseInt(digits, 8);
  };
  let sum = 0;
  for (let i = 0; i < BLOCK_BYTES; i++) sum += i >= 148 && i < 156 ? 32 : (block[i] ?? 0);
  if (octal(148, 8) !== sum) throw badArchive(tgzPath, 'has a header with a wrong checksum');
  const prefix = text(257, 5) === 'ustar' ? text(345, 155) : '';
  const name = text(0, 100);
  const type = text(156, 1);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    bytes: octal(124, 12),
    type: type === '' ? '0' : type,
  };
}

async function readMeta(
  reader: ChunkReader,
  header: TarHeader,
  tgzPath: string,
): Promise<{ path?: string; size?: number }> {
  if (header.bytes > MAX_META_BYTES) throw badArchive(tgzPath, 'has an oversized header');
  const block = await reader.take(roundUp(header.bytes));
  if (block === null) throw badArchive(tgzPath, 'ends inside a header');
  const text = new TextDecoder().decode(block.subarray(0, header.bytes));
  if (header.type === 'L') return { path: text.replace(/\0.*$/s, '') };
  const found: { path?: string; size?: number } = {};
  for (const line of text.split('\n')) {
    const match = /^\d+ (path|size)=(.*)$/.exec(line);
    if (match?.[1] === 'path') found.path = match[2] ?? '';
    if (match?.[1] === 'size') found.size = Number(match[2]);
  }
  if (found.size !== undefined && !Number.isSafeInteger(found.size)) {
    throw badArchive(tgzPath, 'has a damaged header');
  }
  return found;
}

async function writeMember(
  reader: ChunkReader,
  bytes: number,
  outPath: string,
  onProgress?: OnProgress,
): Promise<void> {
  const out = createWriteStream(outPath);
  const broken = once(out, 'error').then(([error]) => Promise.reject(error as Error));
  broken.catch(() => undefined);
  for (let done = 0; done < bytes;) {
    const chunk = await reader.takeUpTo(bytes - done);
    if (chunk === null) throw badArchive(outPath, `ends ${bytes - done} bytes early`);
    done += chunk.byteLength;
    if (!out.write(chunk)) await Promise.race([once(out, 'drain'), broken]);
    onProgress?.({ done, total: bytes, unit: 'bytes' });
  }
  const closed = once(out, 'close');
  out.end();
  await Promise.race([closed, broken]);
}

/** Exact-length reads over a stream of chunks. */
class ChunkReader {
  readonly #stream: NodeJS.ReadableStream & { destroy(): unknown };
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: NodeJS.ReadableStream & { destroy(): unknown }) {
    this.#stream = stream;
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** At least one byte and at most `maxBytes`; null at the end. */
  async takeUpTo(maxBytes: number): Promise<Uint8Array | null> {
    while (this.#rest.byteLength === 0) {
      const next = await this.#chunks.next();
      if (next.done) return null;
      this.#rest = next.value;
    }
    const part = this.#rest.subarray(0, maxBytes);
    this.#rest = this.#rest.subarray(part.byteLength);
    return part;
  }

  /** Exactly `bytes`, or null when the stream ends before. */
  async take(bytes: number): Promise<Uint8Array | null> {
    const out = new Uint8Array(bytes);
    for (let done = 0; done < bytes;) {
      const part = await this.takeUpTo(bytes - done);
      if (part === null) return null;
      out.set(part, done);
      done += part.byteLength;
    }
    return out;
  }

  async skip(bytes: number): Promise<void> {
    for (let done = 0; done < bytes;) {
      const part = await this.takeUpTo(bytes - done);
      if (part === null) return;
      done += part.byteLength;
    }
  }

  close(): void {
    this.#stream.destroy();
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}

function badArchive(path: string, what: string): EngineError {
  return new EngineError('E_SOURCE_UNAVAILABLE', `archive ${path}: ${what}`);
}
