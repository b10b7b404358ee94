/** A file's bytes cut at a separator, as a stream: memory holds one piece, whatever the file's size. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { EngineError } from '../../../engine/base/errors.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import { invalidData } from '../problems.ts';

/** Bytes of a row at most: longer ones are no rows, but files with another separator. */
export const MAX_ROW_BYTES = 16 * 2 ** 20;
const READ_BYTES = 2 ** 20;
const NEWLINE = 10;

export interface Piece {
  /** Null for a piece of more than MAX_ROW_BYTES. */
  readonly bytes: Uint8Array | null;
  /** Line on which it begins, from 1. */
  readonly line: number;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
}

/** @throws {EngineError} E_USAGE for a file that cannot be read, E_DATA_INVALID for one that is no text, E_ABORTED */
export async function* readPieces(
  file: string,
  separator: string,
  options: ReadOptions,
): AsyncGenerator<Piece, void, void> {
  const mark = new TextEncoder().encode(separator);
  let rest: Uint8Array = new Uint8Array(0);
  let line = 1;
  let isSkipping = false;
  const cut = (bytes: Uint8Array, end: number): Piece => {
    const piece = { bytes: isSkipping ? null : bytes.subarray(0, end), line };
    line += countLines(bytes.subarray(0, end + mark.length));
    isSkipping = false;
    return piece;
  };
  for await (const chunk of readChunks(file, options)) {
    let from = Math.max(0, rest.length - mark.length + 1);
    rest = rest.length === 0 ? chunk : joinBytes([rest, chunk]);
    for (;;) {
      const at = findBytes(rest, mark, from);
      if (at < 0) break;
      yield cut(rest, at);
      rest = rest.subarray(at + mark.length);
      from = 0;
    }
    if (rest.length <= MAX_ROW_BYTES) continue;
    // The end of a separator may have been read.
    const dropped = rest.length - mark.length + 1;
    line += countLines(rest.subarray(0, dropped));
    rest = rest.subarray(dropped);
    isSkipping = true;
  }
  if (rest.length > 0 || isSkipping) yield cut(rest, rest.length);
}

/** The file's bytes as they are read, without a byte order mark. */
export async function* readChunks(
  file: string,
  { signal, onBytes }: ReadOptions,
): AsyncGenerator<Uint8Array, void, void> {
  let isFirst = true;
  const stream = createReadStream(file, { highWaterMark: READ_BYTES });
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      throwIfCut(signal);
      yield isFirst ? withoutMark(chunk, file) : chunk;
      onBytes(chunk.length);
      isFirst = false;
    }
  } catch (error) {
    throw asReadError(error, file);
  }
}

/** What a file begins with, a character a byte; null for one that cannot be read. */
export async function firstBytes(path: string, nByte: number): Promise<string | null> {
  const handle = await open(path).catch(() => null);
  if (handle === null) return null;
  try {
    const bytes = new Uint8Array(nByte);
    const { bytesRead } = await handle.read(bytes, 0, nByte, 0);
    return Array.from(bytes.subarray(0, bytesRead), (byte) => String.fromCharCode(byte)).join('');
  } catch {
    return null;
  } finally {
    await handle.close();
  }
}

export function throwIfCut(signal: AbortSignal): void {
  if (signal.aborted)
    throw new EngineError('E_ABORTED', 'data: cut off; nothing half-written was left.');
}

export function asReadError(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  return new EngineError(
    'E_USAGE',
    `data: ${file}: cannot be read (${error.message}). Name a file or folder that exists.`,
    { cause: error },
  );
}

/** What a file begins with that is no UTF-8 text: its first bytes, what it is, and how to mend it. */
const OTHER_FILES: readonly (readonly [bytes: readonly number[], what: string, fix: string])[] = [
  [[0xff, 0xfe], 'is UTF-16', 'Save it as UTF-8: iconv -f UTF-16 -t UTF-8'],
  [[0xfe, 0xff], 'is UTF-16', 'Save it as UTF-8: iconv -f UTF-16 -t UTF-8'],
  [[0x1f, 0x8b], 'is compressed with gzip', 'Unpack it first: gunzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is compressed with Zstandard', 'Unpack it first: unzstd'],
  [[0x50, 0x4b, 3, 4], 'is a ZIP archive', 'Unpack it first: unzip'],
  [[0x50, 0x41, 0x52, 0x31], 'is a Parquet file', 'Name it .parquet, or give --format parquet'],
];

function withoutMark(chunk: Uint8Array, file: string): Uint8Array {
  const found = OTHER_FILES.find(([bytes]) => bytes.every((byte, i) => chunk[i] === byte));
  if (found !== undefined) throw invalidData(`${file}: ${found[1]}. ${found[2]}.`);
  const hasMark = chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf;
  return hasMark ? chunk.subarray(3) : chunk;
}

/** Index of the first `mark` at `from` or after it; -1 without one. */
function findBytes(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  const [first = 0] = mark;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    let n = 1;
    while (n < mark.length && bytes[at + n] === mark[n]) n++;
    if (n === mark.length) return at;
  }
  return -1;
}

function countLines(bytes: Uint8Array): number {
  let n = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) n++;
  return n;
}

const DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LENIENT = new TextDecoder();
const ENCODING_FIX = 'Save the file as UTF-8, for example with iconv -f LATIN1 -t UTF-8';
/** Shown around the first byte that is no UTF-8. */
const AROUND = 20;

/** The text of some bytes, or what is wrong with them. */
export function decodeUtf8(
  bytes: Uint8Array,
): { readonly text: string } | { readonly value: string; readonly fix: string } {
  try {
    return { text: DECODER.decode(bytes) };
  } catch {
    const text = LENIENT.decode(bytes);
    const at = Math.max(0, text.indexOf('\ufffd') - AROUND);
    return { value: text.slice(at, at + 2 * AROUND), fix: `${ENCODING_FIX}.` };
  }
}
