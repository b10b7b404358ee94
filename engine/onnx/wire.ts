/**
 * Protocol buffers on the wire (protobuf.dev/programming-guides/encoding), as far as ONNX needs
 * them: a reader over hostile bytes and a writer. Knows no message.
 */
import { invalidFile } from '../formats/byte-source.ts';

/** Longest name or text that is decoded; longer ones mean damage. */
export const MAX_TEXT_BYTES = 65_536;
const MAX_FIELD = (1 << 29) - 1;

/** One field: a number for varints and fixed values, bytes for everything with a length. */
export interface WireField {
  readonly field: number;
  readonly wire: 0 | 1 | 2 | 5;
  /** Value of wire types 0 (as a signed 64-bit number), 1 and 5 (as little-endian bits). */
  readonly value: bigint;
  /** Bytes of wire type 2; a view of the file. */
  readonly bytes: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/**
 * The fields of a message, in order.
 * @throws {EngineError} E_FORMAT_INVALID for lengths that leave the message, groups, long varints.
 */
export function* readFields(
  name: string,
  message: Uint8Array,
): Generator<WireField, void, undefined> {
  const reader = new WireReader(name, message);
  while (reader.at < message.length) {
    const key = reader.varint();
    const field = Number(key >> 3n);
    const wire = Number(key & 7n);
    if (field < 1 || field > MAX_FIELD) throw reader.invalid('a field number', { field });
    if (wire === 0) yield { field, wire, value: BigInt.asIntN(64, reader.varint()), bytes: EMPTY };
    else if (wire === 1) yield { field, wire, value: reader.fixed(8), bytes: EMPTY };
    else if (wire === 5) yield { field, wire, value: reader.fixed(4), bytes: EMPTY };
    else if (wire === 2) yield { field, wire, value: 0n, bytes: reader.lengthDelimited() };
    else throw reader.invalid('a wire type of 0, 1, 2 or 5', { wire });
  }
}

class WireReader {
  at = 0;
  readonly #name: string;
  readonly #data: Uint8Array;
  readonly #view: DataView;

  constructor(name: string, data: Uint8Array) {
    this.#name = name;
    this.#data = data;
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  varint(): bigint {
    let low = 0;
    // Most are short: up to four bytes without big integers.
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return BigInt(low);
    }
    let value = BigInt(low);
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw this.invalid('a varint of at most 10 bytes', { offset: this.at });
  }

  fixed(length: 4 | 8): bigint {
    this.#need(length);
    const value =
      length === 8
        ? this.#view.getBigUint64(this.at, true)
        : BigInt(this.#view.getUint32(this.at, true));
    this.at += length;
    return value;
  }

  lengthDelimited(): Uint8Array {
    const length = this.varint();
    if (length > BigInt(this.#data.length - this.at))
      throw this.invalid(`at most ${this.#data.length - this.at} bytes in a field`, {
        length: String(length),
      });
    const bytes = this.#data.subarray(this.at, this.at + Number(length));
    this.at += Number(length);
    return bytes;
  }

  invalid(expected: string, got: Readonly<Record<string, unknown>>) {
    return invalidFile(this.#name, 'is not a protocol buffer, or is cut off', expected, got);
  }

  #byte(): number {
    this.#need(1);
    return this.#data[this.at++]!;
  }

  #need(length: number): void {
    if (this.at + length > this.#data.length)
      throw this.invalid(`${length} more bytes`, { bytes: this.#data.length - this.at });
  }
}

/** Numbers of a repeated integer field: packed (wire type 2) or one per field. */
export function readInts(name: string, { wire, value, bytes }: WireField): bigint[] {
  if (wire !== 2) return [value];
  const reader = new WireReader(name, bytes);
  const values: bigint[] = [];
  while (reader.at < bytes.length) values.push(BigInt.asIntN(64, reader.varint()));
  return values;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {EngineError} E_FORMAT_INVALID for text that is too long or not UTF-8. */
export function readText(name: string, bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT_BYTES)
    throw invalidFile(name, 'has a name that is too long', `at most ${MAX_TEXT_BYTES} bytes`, {
      bytes: bytes.length,
    });
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalidFile(name, 'has a name that is not text', 'UTF-8');
  }
}

/** Appends fields; nested messages are written on their own first. */
export class WireWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  int(field: number, value: bigint | number): this {
    this.#key(field, 0);
    return this.#varint(BigInt.asUintN(64, BigInt(value)));
  }

  float(field: number, value: number): this {
    this.#key(field, 5);
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(bytes);
  }

  bytes(field: number, bytes: Uint8Array): this {
    this.#key(field, 2);
    this.#varint(BigInt(bytes.length));
    return this.#push(bytes);
  }

  text(field: number, text: string): this {
    return this.bytes(field, new TextEncoder().encode(text));
  }

  message(field: number, message: WireWriter): this {
    return this.bytes(field, message.done());
  }

  done(): Uint8Array {
    const out = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #key(field: number, wire: number): void {
    this.#varint(BigInt(field * 8 + wire));
  }

  #varint(value: bigint): this {
    const bytes: number[] = [];
    let left = value;
    while (left > 0x7fn) {
      bytes.push(Number(left & 0x7fn) | 0x80);
      left >>= 7n;
    }
    bytes.push(Number(left));
    return this.#push(Uint8Array.from(bytes));
  }

  #push(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }
}
