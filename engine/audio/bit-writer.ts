/** Writes bits into a buffer of a fixed size, the most significant bit of each byte first. */
export class BitWriter {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #bit = 0;

  constructor(nByte: number) {
    this.#bytes = new Uint8Array(nByte);
  }

  /** Bits written so far. */
  get bitCount(): number {
    return this.#bit;
  }

  /** @param nBit 0 to 32 @throws {RangeError} after the last byte */
  write(value: number, nBit: number): void {
    if (this.#bit + nBit > 8 * this.#bytes.length) throw new RangeError('end of the buffer');
    for (let left = nBit; left > 0;) {
      const room = 8 - (this.#bit & 7);
      const take = Math.min(room, left);
      const part = (value >>> (left - take)) & ((1 << take) - 1);
      this.#bytes[this.#bit >> 3]! |= part << (room - take);
      this.#bit += take;
      left -= take;
    }
  }

  /** The whole buffer; what was not written is zero. */
  done(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }
}
