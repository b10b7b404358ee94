/**
 * Entries of a ZIP file (APPNOTE 6.3.10), by its central directory. Hostile input: the directory is checked before
 * anything is inflated, and inflating ends where the directory says that an entry ends.
 */
import { Inflate } from 'fflate';
import { joinBytes } from '../../engine/base/joined.ts';
import { decodesToTooMuch, MAX_DECODED_BYTES } from './limits.ts';
import type { Refuse } from './limits.ts';

export const MAX_ENTRIES = 4096;
const MAX_NAME_BYTES = 1024;

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
const MAX_COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
/** Compressed bytes that are inflated before the sum is looked at; they become at most 1,032 times as many. */
const SLICE_BYTES = 8 * 1024;

interface Entry {
  readonly method: number;
  readonly packedBytes: number;
  readonly bytes: number;
  /** Of its local header, in the file. */
  readonly offset: number;
}

export class ZipFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #refuse: Refuse;
  readonly #entries = new Map<string, Entry>();
  #leftBytes = MAX_DECODED_BYTES;

  /** @throws {EngineError} E_REQUEST_INVALID */
  constructor(bytes: Uint8Array, refuse: Refuse) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#refuse = refuse;
    try {
      this.#readDirectory();
    } catch (error) {
      throw error instanceof RangeError ? this.#damaged('its directory is cut off') : error;
    }
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Content of an entry; null when there is none. @throws {EngineError} E_REQUEST_INVALID */
  read(name: string): Uint8Array | null {
    const entry = this.#entries.get(name);
    if (entry === undefined) return null;
    const { method, bytes } = entry;
    this.#leftBytes -= bytes;
    if (this.#leftBytes < 0) throw decodesToTooMuch(this.#refuse);
    const packed = this.#packed(entry);
    if (method === STORED) return packed;
    if (method !== DEFLATED) throw this.#damaged(`compression method ${method} is not supported`);
    return this.#inflate(packed, bytes);
  }

  /** Text of an entry in UTF-8, or in UTF-16 with a byte order mark. */
  readText(name: string): string | null {
    const bytes = this.read(name);
    if (bytes === null) return null;
    const [a = 0, b = 0] = bytes;
    const encoding =
      a === 0xff && b === 0xfe ? 'utf-16le' : a === 0xfe && b === 0xff ? 'utf-16be' : 'utf-8';
    return new TextDecoder(encoding).decode(bytes);
  }

  #readDirectory(): void {
    const end = this.#findEnd();
    const count = this.#view.getUint16(end + 10, true);
    if (count > MAX_ENTRIES)
      throw this.#refuse(
        `has ${count} entries; expected at most ${MAX_ENTRIES}. Split the document`,
      );
    let at = this.#view.getUint32(end + 16, true);
    for (let i = 0; i < count; i++) at = this.#readEntry(at);
  }

  #findEnd(): number {
    const first = Math.max(0, this.#bytes.length - END_BYTES - MAX_COMMENT_BYTES);
    for (let at = this.#bytes.length - END_BYTES; at >= first; at--)
      if (this.#view.getUint32(at, true) === END_SIGNATURE) return at;
    throw this.#damaged('it has no directory');
  }

  /** @returns where the next entry begins */
  #readEntry(at: number): number {
    const view = this.#view;
    if (view.getUint32(at, true) !== ENTRY_SIGNATURE)
      throw this.#damaged('its directory is not where its end says');
    const isEncrypted = (view.getUint16(at + 8, true) & ENCRYPTED) !== 0;
    if (isEncrypted) throw this.#refuse('is encrypted. Save it without a password');
    const nameBytes = view.getUint16(at + 28, true);
    const rest = view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    if (nameBytes > MAX_NAME_BYTES) throw this.#damaged(`a name of ${nameBytes} bytes`);
    const from = at + ENTRY_BYTES;
    if (from + nameBytes > this.#bytes.length) throw new RangeError('name');
    const name = new TextDecoder().decode(this.#bytes.subarray(from, from + nameBytes));
    if (name.includes('\0')) throw this.#damaged('the name of an entry has a NUL');
    if (this.#entries.has(name))
      throw this.#damaged(`two entries are named ${JSON.stringify(name.slice(0, 100))}`);
    this.#entries.set(name, {
      method: view.getUint16(at + 10, true),
      packedBytes: view.getUint32(at + 20, true),
      bytes: view.getUint32(at + 24, true),
      offset: view.getUint32(at + 42, true),
    });
    return from + nameBytes + rest;
  }

  #packed({ offset, packedBytes }: Entry): Uint8Array {
    const view = this.#view;
    if (offset + LOCAL_BYTES > view.byteLength || view.getUint32(offset, true) !== LOCAL_SIGNATURE)
      throw this.#damaged('an entry is not where the directory says');
    const from =
      offset + LOCAL_BYTES + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
    if (from + packedBytes > this.#bytes.length) throw this.#damaged('an entry is cut off');
    return this.#bytes.subarray(from, from + packedBytes);
  }

  #inflate(packed: Uint8Array, bytes: number): Uint8Array {
    const chunks: Uint8Array[] = [];
    let nByte = 0;
    const inflate = new Inflate((chunk) => {
      chunks.push(chunk);
      nByte += chunk.length;
    });
    try {
      for (let from = 0; from < packed.length && nByte <= bytes; from += SLICE_BYTES)
        inflate.push(
          packed.subarray(from, from + SLICE_BYTES),
          from + SLICE_BYTES >= packed.length,
        );
    } catch {
      throw this.#damaged('an entry does not inflate');
    }
    if (nByte !== bytes)
      throw this.#damaged(
        `an entry has ${nByte > bytes ? 'more' : 'fewer'} than its ${bytes} bytes`,
      );
    return joinBytes(chunks);
  }

  #damaged(what: string) {
    return this.#refuse(`is a damaged ZIP file: ${what}. Save the document again`);
  }
}
