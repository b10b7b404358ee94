/** Bytes of a WebAssembly module in order, with its variable-length numbers. */
import { EngineError } from '../../../engine/base/errors.ts';

/** Bytes of the longest number, one of 64 bits. */
const MAX_LEB_BYTES = 10;

export class ByteReader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.at = start;
    this.#end = end;
  }

  get isAtEnd(): boolean {
    return this.at >= this.#end;
  }

  byte(): number {
    if (this.at >= this.#end) throw invalid(`ends at ${this.at}`);
    return this.#bytes[this.at++]!;
  }

  /** An unsigned number below 2^53. */
  number(): number {
    let value = 0;
    for (let i = 0; i < MAX_LEB_BYTES; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw invalid(`a number at ${this.at} is too long`);
  }

  /** A number of any kind whose value does not matter. */
  skipNumber(): void {
    this.number();
  }

  skip(n: number): void {
    if (n > this.#end - this.at) throw invalid(`ends within ${n} bytes at ${this.at}`);
    this.at += n;
  }

  slice(start: number, end = this.at): Uint8Array {
    return this.#bytes.subarray(start, end);
  }
}

/** An unsigned number as WebAssembly writes it. */
export function lebOf(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) + 128);
  }
}

/** A signed number as WebAssembly writes it. */
export function signedLebOf(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(value); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn);
    if (rest < 64n && rest >= -64n) return [...bytes, low];
    bytes.push(low + 128);
  }
}

export function invalid(what: string): EngineError {
  return new EngineError('E_INTERNAL', `build: WebAssembly module: ${what}.`);
}
