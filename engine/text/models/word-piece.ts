/** WordPiece: the longest piece that begins a word, then the longest that continues it, and so on. */
import type { Steps } from '../../base/turns.ts';
import type { PieceTable } from '../piece-table.ts';
import { characterEnd, inSlices, WordBytes } from './token-model.ts';
import type { TokenModel } from './token-model.ts';

export interface WordPieceOptions {
  readonly unkId: number | null;
  /** What is written before pieces that continue a word. */
  readonly prefix: string;
  readonly maxWordChars: number;
}

export class WordPiece implements TokenModel {
  readonly #pieces: PieceTable;
  readonly #prefix: Uint8Array;
  readonly #maxWordChars: number;
  readonly #unkId: number | null;
  readonly #word = new WordBytes();
  readonly #candidate = new WordBytes();

  constructor(pieces: PieceTable, options: WordPieceOptions) {
    this.#pieces = pieces;
    this.#prefix = new TextEncoder().encode(options.prefix);
    this.#maxWordChars = options.maxWordChars;
    this.#unkId = options.unkId;
  }

  encode(words: readonly string[], ids: number[]): Steps<void> {
    const nothing = (): void => undefined;
    const word = (text: string): void => {
      const found = this.#cut(text);
      if (found !== null) ids.push(...found);
      else if (this.#unkId !== null) ids.push(this.#unkId);
    };
    return inSlices(words, ids, { begin: nothing, word, end: nothing });
  }

  /** Ids of a word; null when some of it has no piece. */
  #cut(word: string): number[] | null {
    this.#word.set(word);
    const { bytes, length } = this.#word;
    const ends: number[] = [];
    for (let at = 0; at < length;) ends.push((at = characterEnd(bytes, at)));
    if (ends.length > this.#maxWordChars) return null;
    const ids: number[] = [];
    for (let first = 0; first < ends.length;) {
      const start = first === 0 ? 0 : ends[first - 1]!;
      let last = ends.length - 1;
      let id = -1;
      while (last >= first && id < 0) id = this.#idOf(start, ends[last--]!);
      if (id < 0) return null;
      ids.push(id);
      first = last + 2;
    }
    return ids;
  }

  #idOf(start: number, end: number): number {
    const { bytes } = this.#word;
    if (start === 0) return this.#pieces.idOf(this.#pieces.find(bytes, 0, end));
    this.#candidate.length = 0;
    this.#candidate.append(this.#prefix);
    this.#candidate.append(bytes.subarray(start, end));
    const { length } = this.#candidate;
    return this.#pieces.idOf(this.#pieces.find(this.#candidate.bytes, 0, length));
  }
}
