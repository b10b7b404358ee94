/** The entropy-coded bits of a JPEG scan (ITU-T T.81, annexes B.1.1.5 and F.2.2). */
import { invalidPicture } from '../picture.ts';
import type { HuffmanTable } from './huffman.ts';
import { LOOKUP_BITS } from './huffman.ts';

const RST0 = 0xd0;

export class ScanBits {
  readonly #bytes: Uint8Array;
  #at: number;
  #buffer = 0;
  #nBit = 0;
  /** Zeros given in place of bits that the scan does not have; they are the last ones of the buffer. */
  #nPad = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Where the scan's data ends, or could be read to. */
  get at(): number {
    return this.#at;
  }

  /** @throws {EngineError} E_IMAGE_INVALID once more bits were taken than there are. */
  checkEnd(): void {
    if (this.#nBit >= this.#nPad) return;
    throw invalidPicture('is cut off or damaged: its pixels end early', 'a whole JPEG');
  }

  /** Continues after restart marker `index`. @throws {EngineError} E_IMAGE_INVALID */
  restart(index: number): void {
    this.checkEnd();
    this.#buffer = this.#nBit = this.#nPad = 0;
    const bytes = this.#bytes;
    // Fill bytes may come before a marker.
    while (this.#at < bytes.length && !isMarker(bytes, this.#at)) this.#at++;
    if (bytes[this.#at + 1] !== RST0 + (index & 7))
      throw invalidPicture('is damaged: a restart marker is missing', 'a whole JPEG');
    this.#at += 2;
  }

  bit(): number {
    if (this.#nBit < 1) this.#fill();
    return (this.#buffer >>> --this.#nBit) & 1;
  }

  /** @param n 1 to 16 */
  bits(n: number): number {
    if (this.#nBit < n) this.#fill();
    this.#nBit -= n;
    return (this.#buffer >>> this.#nBit) & ((1 << n) - 1);
  }

  skip(n: number): void {
    if (this.#nBit < n) this.#fill();
    this.#nBit -= n;
  }

  /** A value of `n` bits whose first bit says its sign (F.2.2.1, EXTEND). @param n 0 to 16 */
  signed(n: number): number {
    if (n === 0) return 0;
    const value = this.bits(n);
    return value < 1 << (n - 1) ? value - (1 << n) + 1 : value;
  }

  /** @throws {EngineError} E_IMAGE_INVALID for a code that the table does not have */
  symbol(table: HuffmanTable): number {
    if (this.#nBit < 16) this.#fill();
    const entry = table.lookup[(this.#buffer >>> (this.#nBit - LOOKUP_BITS)) & LOOKUP_MASK]!;
    if (entry !== 0) {
      this.#nBit -= entry >> 8;
      return entry & 0xff;
    }
    for (let length = LOOKUP_BITS + 1; length <= 16; length++) {
      const code = (this.#buffer >>> (this.#nBit - length)) & ((1 << length) - 1);
      if (code > table.maxCode[length]!) continue;
      this.#nBit -= length;
      return table.symbols[table.firstIndex[length]! + code]!;
    }
    throw invalidPicture('is damaged: it has a code of no Huffman table', 'a whole JPEG');
  }

  #fill(): void {
    const bytes = this.#bytes;
    while (this.#nBit <= 24) {
      const byte = bytes[this.#at];
      let value = 0;
      if (byte === undefined || this.#nPad > 0) {
        this.#nPad += 8;
      } else if (byte !== 0xff) {
        value = byte;
        this.#at++;
      } else if (bytes[this.#at + 1] === 0) {
        value = 0xff;
        this.#at += 2;
      } else {
        // A marker: it stays where it is.
        this.#nPad += 8;
      }
      this.#buffer = (this.#buffer << 8) | value;
      this.#nBit += 8;
    }
  }
}

function isMarker(bytes: Uint8Array, at: number): boolean {
  const next = bytes[at + 1] ?? 0;
  return bytes[at] === 0xff && next !== 0 && next !== 0xff;
}

const LOOKUP_MASK = (1 << LOOKUP_BITS) - 1;
