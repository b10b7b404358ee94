/** The bits of one access unit. What it throws is caught where frames are read: the frame is damaged. */
export class FrameBits {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = 8 * bytes.length;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  /** @throws {DamagedFrame} after the last bit */
  bit(): number {
    if (this.#at >= this.#end) throw new DamagedFrame('it ends early');
    const at = this.#at++;
    return (this.#bytes[at >> 3]! >> (7 - (at & 7))) & 1;
  }

  /** @param nBit 0 to 24 @throws {DamagedFrame} after the last bit */
  read(nBit: number): number {
    let value = 0;
    for (let i = 0; i < nBit; i++) value = (value << 1) | this.bit();
    return value;
  }

  /** @throws {DamagedFrame} after the last bit */
  skip(nBit: number): void {
    if (nBit > this.left) throw new DamagedFrame('it ends early');
    this.#at += nBit;
  }

  /** To the next whole byte. */
  align(): void {
    this.#at = (this.#at + 7) & ~7;
  }
}

/** A frame that contradicts the standard: it is a gap in the sound, not the end of it. */
export class DamagedFrame extends Error {}
