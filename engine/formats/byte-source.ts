/**
 * Random access to a file's bytes, and a cursor that reads little-endian values from it.
 * Files are hostile: every read is checked against the file's length before anything is allocated.
 * Knows no format; implemented over files in scripts/lib/file-source.ts.
 */
import { EngineError } from '../base/errors.ts';

export interface ByteSource {
  /** The file's name, for messages. */
  readonly name: string;
  readonly bytes: number;
  /** The `length` bytes from `offset`, in an array of its own. The range lies inside the file. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A ByteSource over bytes in memory. */
export function memorySource(name: string, data: Uint8Array): ByteSource {
  return {
    name,
    bytes: data.byteLength,
    read: (offset, length) => Promise.resolve(data.slice(offset, offset + length)),
  };
}

/** The parts of a file, in order, as one file; nothing is copied. */
export function joinedSource(name: string, parts: readonly ByteSource[]): ByteSource {
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
  return {
    name,
    bytes,
    async read(offset, length) {
      const out = new Uint8Array(length);
      let start = 0;
      for (const part of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(offset + length, start + part.bytes);
        if (to > from) out.set(await part.read(from - start, to - from), from - offset);
        start += part.bytes;
      }
      return out;
    },
  };
}

/**
 * Reads a range after checking that the file has it.
 * @throws {EngineError} E_FORMAT_INVALID when the range leaves the file.
 */
export async function readRange(
  source: ByteSource,
  offset: number,
  length: number,
  what: string,
): Promise<Uint8Array> {
  if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0))
    throw invalidFile(source.name, `${what} is at an impossible position`, 'whole numbers', {
      offset,
      length,
    });
  if (offset + length > source.bytes) throw truncated(source, offset, length, what);
  const data = await source.read(offset, length);
  if (data.byteLength !== length) throw truncated(source, offset, length, what);
  return data;
}

/** E_FORMAT_INVALID in the project's message form. */
export function invalidFile(
  name: string,
  what: string,
  expected: string,
  details: Readonly<Record<string, unknown>> = {},
): EngineError {
  const got = Object.entries(details).map(([key, value]) => `${key} ${String(value)}`);
  return new EngineError(
    'E_FORMAT_INVALID',
    `${name}: ${what}; expected ${expected}${got.length > 0 ? `, got ${got.join(', ')}` : ''}. ` +
      'The file is damaged or not what it claims to be: fetch it again.',
    { details },
  );
}

function truncated(source: ByteSource, offset: number, length: number, what: string): EngineError {
  return new EngineError(
    'E_FORMAT_INVALID',
    `${source.name}: ${what} leaves the file; expected bytes ${offset} to ${offset + length}, ` +
      `got a file of ${source.bytes}. The file is cut off or damaged: fetch it again.`,
    { details: { offset, length, bytes: source.bytes } },
  );
}

/** Bytes fetched at once; a longer value is fetched on its own. */
const WINDOW_BYTES = 256 * 1024;

/**
 * A forward reader. `need(n)` makes n bytes present (or throws), the getters then read without
 * waiting: one await a value is affordable, one await a byte is not.
 */
export class ByteCursor {
  readonly source: ByteSource;
  #windowStart = 0;
  #window: DataView = new DataView(new ArrayBuffer(0));
  #position = 0;

  constructor(source: ByteSource, offset = 0) {
    this.source = source;
    this.#windowStart = offset;
  }

  get offset(): number {
    return this.#windowStart + this.#position;
  }

  /** Bytes of the file after the cursor's position. */
  get left(): number {
    return this.source.bytes - this.offset;
  }

  /** Moves to `offset`, forwards or back; the part of the window that lies ahead is kept. */
  seek(offset: number): void {
    const position = offset - this.#windowStart;
    if (position >= 0 && position <= this.#window.byteLength) {
      this.#position = position;
      return;
    }
    this.#window = new DataView(new ArrayBuffer(0));
    this.#windowStart = offset;
    this.#position = 0;
  }

  has(length: number): boolean {
    return this.#position + length <= this.#window.byteLength;
  }

  /** @throws {EngineError} E_FORMAT_INVALID when the file ends before `length` more bytes. */
  async need(length: number, what: string): Promise<void> {
    if (this.has(length)) return;
    const offset = this.offset;
    const wanted = Math.max(length, Math.min(WINDOW_BYTES, this.left));
    const data = await readRange(this.source, offset, wanted, what);
    this.#window = new DataView(data.buffer, data.byteOffset, data.byteLength);
    this.#windowStart = offset;
    this.#position = 0;
  }

  u8(): number {
    return this.#window.getUint8(this.#advance(1));
  }
  u16(): number {
    return this.#window.getUint16(this.#advance(2), true);
  }
  u32(): number {
    return this.#window.getUint32(this.#advance(4), true);
  }
  u64(): bigint {
    return this.#window.getBigUint64(this.#advance(8), true);
  }
  i8(): number {
    return this.#window.getInt8(this.#advance(1));
  }
  i16(): number {
    return this.#window.getInt16(this.#advance(2), true);
  }
  i32(): number {
    return this.#window.getInt32(this.#advance(4), true);
  }
  i64(): bigint {
    return this.#window.getBigInt64(this.#advance(8), true);
  }
  f32(): number {
    return this.#window.getFloat32(this.#advance(4), true);
  }
  f64(): number {
    return this.#window.getFloat64(this.#advance(8), true);
  }

  /** A view of the next bytes, valid until the next `need`. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return new Uint8Array(this.#window.buffer, this.#window.byteOffset + at, length);
  }

  #advance(length: number): number {
    const at = this.#position;
    this.#position += length;
    return at;
  }
}
