/** LZW codes of GIF (GIF89a specification, appendix F). */
import type { Steps } from '../../base/turns.ts';
import { invalidPicture } from '../picture.ts';

const MAX_CODES = 4096;
/** Numbers between turns. */
const TURN_NUMBERS = 262_144;

/**
 * Fills `to` with the numbers of a frame; what comes after the last is ignored.
 * @param at where the first block of codes begins
 * @param codeBits bits of a number, 1 to 8
 * @throws {EngineError} E_IMAGE_INVALID where the codes end early or are impossible
 */
export function* lzwSteps(
  bytes: Uint8Array,
  at: number,
  codeBits: number,
  to: Uint8Array,
): Steps<void> {
  const clear = 1 << codeBits;
  const bits = new BlockBits(bytes, at);
  // By code: the code before its last number, that number, and how many there are.
  const before = new Uint16Array(MAX_CODES);
  const last = new Uint8Array(MAX_CODES);
  const lengths = new Uint16Array(MAX_CODES);
  for (let code = 0; code < clear; code++) {
    last[code] = code;
    lengths[code] = 1;
  }
  let width = codeBits + 1;
  let next = clear + 2;
  let previous = -1;
  let filled = 0;
  let turnAt = TURN_NUMBERS;
  while (filled < to.length) {
    const code = bits.take(width);
    if (code === clear) {
      width = codeBits + 1;
      next = clear + 2;
      previous = -1;
      continue;
    }
    if (code < 0 || code === clear + 1) throw endsEarly();
    if (code > next || (code === next && previous < 0) || (previous < 0 && code > clear))
      throw invalidPicture('is damaged (an impossible code)', 'a whole GIF');
    // A code that is made by itself: the one before, and its own first number again.
    const known = code === next ? previous : code;
    const length = lengths[known]!;
    let chain = known;
    for (let i = length - 1; i >= 0; i--) {
      if (filled + i < to.length) to[filled + i] = last[chain]!;
      if (i > 0) chain = before[chain]!;
    }
    const first = last[chain]!;
    filled += length;
    if (code === next && filled < to.length) to[filled] = first;
    if (code === next) filled++;
    if (previous >= 0 && next < MAX_CODES) {
      before[next] = previous;
      last[next] = first;
      lengths[next] = lengths[previous]! + 1;
      next++;
      if (next === 1 << width && width < 12) width++;
    }
    previous = code;
    if (filled >= turnAt) {
      turnAt = filled + TURN_NUMBERS;
      yield;
    }
  }
}

/** Bits of blocks of up to 255 bytes, the lowest first. */
class BlockBits {
  readonly #bytes: Uint8Array;
  #at: number;
  #left = 0;
  #buffer = 0;
  #nBit = 0;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** -1 after the last block. @param n at most 12 */
  take(n: number): number {
    while (this.#nBit < n) {
      if (this.#left === 0) this.#left = this.#bytes[this.#at++] ?? 0;
      const byte = this.#bytes[this.#at];
      if (this.#left === 0 || byte === undefined) return -1;
      this.#buffer |= byte << this.#nBit;
      this.#nBit += 8;
      this.#at++;
      this.#left--;
    }
    const value = this.#buffer & ((1 << n) - 1);
    this.#buffer >>>= n;
    this.#nBit -= n;
    return value;
  }
}

function endsEarly(): Error {
  return invalidPicture('is cut off or damaged: its pixels end early', 'a whole GIF');
}
