/** Huffman tables of JPEG (ITU-T T.81, annex C and F.2.2.3). */
import { invalidPicture } from '../picture.ts';

/** Codes up to this length are found in one step. */
export const LOOKUP_BITS = 9;

export interface HuffmanTable {
  /** By the next bits: length of the code << 8 | symbol; 0 for a longer code, or none. [2 ** LOOKUP_BITS] */
  readonly lookup: Uint16Array;
  /** By length: the last code of that length, -1 for none. [17] */
  readonly maxCode: Int32Array;
  /** By length: what is added to a code for its place in `symbols`. [17] */
  readonly firstIndex: Int32Array;
  readonly symbols: Uint8Array;
}

/**
 * @param counts number of codes of each length from 1 to 16
 * @throws {EngineError} E_IMAGE_INVALID for more codes than a length has
 */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable {
  const lookup = new Uint16Array(1 << LOOKUP_BITS);
  const maxCode = new Int32Array(17).fill(-1);
  const firstIndex = new Int32Array(17);
  let code = 0;
  let index = 0;
  for (let length = 1; length <= 16; length++) {
    const count = counts[length - 1]!;
    if (code + count > 1 << length)
      throw invalidPicture('is damaged: a Huffman table has too many codes', 'a whole JPEG');
    firstIndex[length] = index - code;
    for (let i = 0; i < count; i++, index++, code++) {
      if (length > LOOKUP_BITS) continue;
      const rest = LOOKUP_BITS - length;
      lookup.fill((length << 8) | symbols[index]!, code << rest, (code + 1) << rest);
    }
    if (count > 0) maxCode[length] = code - 1;
    code <<= 1;
  }
  return { lookup, maxCode, firstIndex, symbols };
}
