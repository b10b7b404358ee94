/**
 * Unigram language model: of all ways to cut a word into pieces, the one whose scores (log
 * probabilities) add up to most, found by Viterbi's algorithm (Kudo, arXiv 1804.10959).
 */
import { EMPTY_HASH, hashByte } from '../piece-table.ts';
import type { Steps } from '../../base/turns.ts';
import type { PieceTable } from '../piece-table.ts';
import { characterEnd, IdWriter, inSlices, WordBytes } from './token-model.ts';
import type { TokenModel } from './token-model.ts';

export interface UnigramOptions {
  readonly unkId: number;
  readonly byteFallback: boolean;
  /** Bytes of the longest piece. */
  readonly longestBytes: number;
  /** Tokens that text never becomes: special ones, those of single bytes. */
  readonly reserved: ReadonlySet<number>;
}

/** How much less an unknown character counts than the rarest piece (SentencePiece's kUnkPenalty). */
const UNKNOWN_PENALTY = 10;
/** Places that room is kept for; that of a longer word is given back. */
const MAX_KEPT_PLACES = 65_536;
const NONE = -1;
const NEVER = -Infinity;

export class Unigram implements TokenModel {
  readonly #pieces: PieceTable;
  readonly #scores: Float64Array;
  readonly #unkId: number;
  readonly #unknownScore: number;
  readonly #longestBytes: number;
  readonly #writer: IdWriter;
  #word = new WordBytes();
  /** For each place of a word: the best score of the text before it, the last piece of that way. */
  #best = new Float64Array(256);
  #from = new Int32Array(256);
  #id = new Int32Array(256);

  /** @param scores by id */
  constructor(pieces: PieceTable, scores: Float64Array, options: UnigramOptions) {
    this.#pieces = pieces;
    this.#scores = scores.map((score, id) => (options.reserved.has(id) ? NEVER : score));
    this.#unkId = options.unkId;
    this.#longestBytes = options.longestBytes;
    const usual = this.#scores.filter((score) => score !== NEVER);
    this.#unknownScore = usual.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY;
    const { unkId, byteFallback } = options;
    this.#writer = new IdWriter(pieces, { unkId, fuses: true, byteFallback });
  }

  encode(words: readonly string[], ids: number[]): Steps<void> {
    return inSlices(words, ids, {
      begin: (start) => this.#writer.begin(ids, start),
      word: (word) => this.#encodeWord(word),
      end: () => this.#release(),
    });
  }

  /** Gives back the room of a long word. */
  #release(): void {
    if (this.#best.length <= MAX_KEPT_PLACES) return;
    this.#resize(256);
    this.#word = new WordBytes();
  }

  #encodeWord(word: string): void {
    this.#word.set(word);
    const { bytes, length } = this.#word;
    this.#clear(length + 1);
    for (let at = 0; at < length; at = characterEnd(bytes, at)) this.#extend(at);
    const ends: number[] = [];
    for (let at = length; at > 0; at = this.#from[at]!) ends.push(at);
    for (const end of ends.reverse()) {
      const id = this.#id[end]!;
      if (id === this.#unkId) this.#writer.unknown(bytes, this.#from[end]!, end);
      else this.#writer.token(id);
    }
  }

  /** Tries every piece that begins at `at`. */
  #extend(at: number): void {
    const { bytes, length } = this.#word;
    const oneEnd = characterEnd(bytes, at);
    let hasOne = false;
    let hash = EMPTY_HASH;
    for (let from = at, end = oneEnd; end <= length && end - at <= this.#longestBytes;) {
      while (from < end) hash = hashByte(hash, bytes[from++]!);
      const id = this.#pieces.idOf(this.#pieces.findHashed(hash, bytes, at, end));
      const score = id >= 0 && id !== this.#unkId ? this.#scores[id]! : NEVER;
      if (score !== NEVER) {
        this.#offer(at, end, id, score);
        hasOne ||= end === oneEnd;
      }
      if (end === length) break;
      end = characterEnd(bytes, end);
    }
    if (!hasOne) this.#offer(at, oneEnd, this.#unkId, this.#unknownScore);
  }

  #offer(at: number, end: number, id: number, score: number): void {
    const total = this.#best[at]! + score;
    if (this.#id[end] !== NONE && total <= this.#best[end]!) return;
    this.#best[end] = total;
    this.#from[end] = at;
    this.#id[end] = id;
  }

  #clear(length: number): void {
    if (this.#best.length < length) this.#resize(2 * length);
    this.#best[0] = 0;
    this.#id.fill(NONE, 0, length);
  }

  #resize(length: number): void {
    this.#best = new Float64Array(length);
    this.#from = new Int32Array(length);
    this.#id = new Int32Array(length);
  }
}
