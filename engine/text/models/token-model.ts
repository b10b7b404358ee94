/** What cuts words into tokens, and what such models share. */
import type { Steps } from '../../base/turns.ts';
import type { PieceTable } from '../piece-table.ts';

export interface TokenModel {
  /**
   * Appends the ids of `words`, which a pre-tokenizer has cut. Yields between words, after every SLICE_CHARS
   * characters at least; other texts may be encoded meanwhile.
   */
  encode(words: readonly string[], ids: number[]): Steps<void>;
}

/** Characters after which tokenizing yields: some 10 ms, at worst some 50. */
export const SLICE_CHARS = 16 * 1024;

/**
 * Encodes words one after the other, and yields between slices of them.
 * @param begin called before each slice, with the number of ids before the first word
 * @param end called after each slice
 */
export function* inSlices(
  words: readonly string[],
  ids: readonly number[],
  { begin, word: encodeWord, end }: WordSteps,
): Steps<void> {
  const start = ids.length;
  begin(start);
  let nChar = 0;
  for (const word of words) {
    if (nChar >= SLICE_CHARS) {
      end();
      nChar = 0;
      yield;
      begin(start);
    }
    if (word !== '') encodeWord(word);
    nChar += word.length + 1;
  }
  end();
}

export interface WordSteps {
  readonly begin: (start: number) => void;
  readonly word: (word: string) => void;
  readonly end: () => void;
}

const encoder = new TextEncoder();

/** The UTF-8 of one word at a time, in memory that is used again. */
export class WordBytes {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(1024);
  length = 0;

  set(word: string): void {
    if (this.bytes.length < 3 * word.length) this.bytes = new Uint8Array(4 * word.length);
    this.length = encoder.encodeInto(word, this.bytes).written;
  }

  append(more: Uint8Array): void {
    if (this.bytes.length < this.length + more.length) {
      const larger = new Uint8Array(2 * (this.length + more.length));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(more, this.length);
    this.length += more.length;
  }
}

/** Where the character that begins at `at` ends. */
export function characterEnd(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  return at + (lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4);
}

/** Takes ids of tokens and of text that has none. */
export class IdWriter {
  readonly #unkId: number | null;
  readonly #fuses: boolean;
  readonly #byteIds: Int32Array | null;
  #ids: number[] = [];
  #start = 0;

  /** @param fuses whether a run of unknown tokens is one */
  constructor(
    pieces: PieceTable,
    options: { unkId: number | null; fuses: boolean; byteFallback: boolean },
  ) {
    this.#unkId = options.unkId;
    this.#fuses = options.fuses;
    this.#byteIds = options.byteFallback ? byteIds(pieces) : null;
  }

  /** @param start number of ids before the first word: what is before it is no part of a run */
  begin(ids: number[], start: number): void {
    this.#ids = ids;
    this.#start = start;
  }

  token(id: number): void {
    const isRun = this.#fuses && id === this.#unkId && this.#ids.length > this.#start;
    if (!isRun || this.#ids.at(-1) !== id) this.#ids.push(id);
  }

  /** Text without a token: tokens of its bytes where all of them have one, else the unknown token. */
  unknown(bytes: Uint8Array, start: number, end: number): void {
    const ids = this.#byteIds;
    let isWhole = ids !== null;
    for (let i = start; isWhole && i < end; i++) isWhole = ids![bytes[i]!]! >= 0;
    if (isWhole) for (let i = start; i < end; i++) this.#ids.push(ids![bytes[i]!]!);
    else if (this.#unkId !== null) this.token(this.#unkId);
  }
}

/** Ids of `<0x00>` to `<0xFF>`; -1 where there is none. */
export function byteIds(pieces: PieceTable): Int32Array {
  return Int32Array.from(
    { length: 256 },
    (_, byte) => pieces.idOfText(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`) ?? -1,
  );
}
