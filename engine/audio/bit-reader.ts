/** Reads bits, the most significant of each byte first, as FLAC writes them. */
export class BitReader {
  readonly bytes: Uint8Array;
  /** Position of the next bit. */
  #byte: number;
  #bit = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.bytes = bytes;
    this.#byte = at;
  }

  /** The byte that holds the next bit. */
  get byte(): number {
    return this.#byte;
  }

  /** An unsigned number of 0 to 48 bits. @throws {RangeError} after the last byte. */
  read(nBit: number): number {
    let value = 0;
    for (let left = nBit; left > 0;) {
      if (this.#byte >= this.bytes.length) throw new RangeError('end of data');
      const take = Math.min(left, 8 - this.#bit);
      const shift = 8 - this.#bit - take;
      value = value * 2 ** take + ((this.bytes[this.#byte]! >> shift) & ((1 << take) - 1));
      this.#bit += take;
      left -= take;
      if (this.#bit === 8) {
        this.#bit = 0;
        this.#byte++;
      }
    }
    return value;
  }

  /** A number in two's complement of as many bits. */
  readSigned(nBit: number): number {
    const value = this.read(nBit);
    return nBit > 0 && value >= 2 ** (nBit - 1) ? value - 2 ** nBit : value;
  }

  /** Number of zeros before the next one, which is read too. @throws {RangeError} after the last byte. */
  readUnary(): number {
    let n = 0;
    for (;;) {
      if (this.#byte >= this.bytes.length) throw new RangeError('end of data');
      const rest = (this.bytes[this.#byte]! << this.#bit) & 0xff;
      if (rest !== 0) {
        const zeros = Math.clz32(rest) - 24;
        n += zeros;
        this.#bit += zeros + 1;
        if (this.#bit >= 8) {
          this.#bit = 0;
          this.#byte++;
        }
        return n;
      }
      n += 8 - this.#bit;
      this.#bit = 0;
      this.#byte++;
    }
  }

  alignToByte(): void {
    if (this.#bit === 0) return;
    this.#bit = 0;
    this.#byte++;
  }
}
