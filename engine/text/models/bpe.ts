/**
 * Byte-pair encoding: of all adjacent pairs that have a merge, the one of the lowest rank is joined,
 * the leftmost of equals first, until none is left (Sennrich et al., arXiv 1508.07909).
 */
import type { Steps } from '../../base/turns.ts';
import type { PieceTable } from '../piece-table.ts';
import type { MergeTable } from './merge-table.ts';
import { characterEnd, IdWriter, inSlices, WordBytes } from './token-model.ts';
import type { TokenModel } from './token-model.ts';

export interface BpeOptions {
  readonly unkId: number | null;
  readonly fuseUnk: boolean;
  readonly byteFallback: boolean;
  /** A word that is a token is taken whole. */
  readonly ignoreMerges: boolean;
  /** What the last character of every word is followed by in the vocabulary. */
  readonly endOfWordSuffix: string;
}

const NONE = -1;
/** Places a word may have in a heap's keys: rank x PLACES + place is below 2^53. */
const PLACES = 2 ** 30;
/** Parts that room is kept for; that of a longer word is given back. */
const MAX_KEPT_PARTS = 65_536;
/** Characters whose entries are looked up once. */
const N_COMMON = 0x800;
const NOT_LOOKED_UP = -2;

export class Bpe implements TokenModel {
  readonly #pieces: PieceTable;
  readonly #merges: MergeTable;
  readonly #ignoreMerges: boolean;
  readonly #suffix: Uint8Array;
  readonly #writer: IdWriter;
  #word = new WordBytes();
  #heap = new KeyHeap();
  readonly #common = new Int32Array(N_COMMON).fill(NOT_LOOKED_UP);
  /** The word as a list of parts: each one's entry, where it begins, and its neighbours. */
  #entry = new Int32Array(256);
  #start = new Int32Array(257);
  #next = new Int32Array(256);
  #previous = new Int32Array(256);

  constructor(pieces: PieceTable, merges: MergeTable, options: BpeOptions) {
    this.#pieces = pieces;
    this.#merges = merges;
    this.#ignoreMerges = options.ignoreMerges;
    this.#suffix = new TextEncoder().encode(options.endOfWordSuffix);
    const { unkId, fuseUnk: fuses, byteFallback } = options;
    this.#writer = new IdWriter(pieces, { unkId, fuses, byteFallback });
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
    if (this.#entry.length <= MAX_KEPT_PARTS) return;
    this.#resize(256);
    this.#word = new WordBytes();
    this.#heap = new KeyHeap();
  }

  #encodeWord(word: string): void {
    this.#word.set(word);
    if (this.#ignoreMerges) {
      const id = this.#pieces.idOf(this.#pieces.find(this.#word.bytes, 0, this.#word.length));
      if (id >= 0) {
        this.#writer.token(id);
        return;
      }
    }
    const nPart = this.#cut();
    for (let part = 0; part + 1 < nPart; part++) this.#offer(part);
    this.#joinAll();
    for (let part = 0; part !== NONE; part = this.#next[part]!) this.#write(part);
  }

  /** Cuts the word into its characters. */
  #cut(): number {
    const nByte = this.#word.length;
    if (this.#entry.length < nByte) this.#resize(2 * nByte);
    let nPart = 0;
    for (let at = 0; at < nByte; nPart++) {
      const end = characterEnd(this.#word.bytes, at);
      this.#entry[nPart] = this.#entryOf(at, end);
      this.#start[nPart] = at;
      this.#previous[nPart] = nPart - 1;
      this.#next[nPart] = nPart + 1;
      at = end;
    }
    if (this.#suffix.length > 0) {
      this.#word.append(this.#suffix);
      const from = this.#start[nPart - 1]!;
      this.#entry[nPart - 1] = this.#pieces.find(this.#word.bytes, from, this.#word.length);
    }
    this.#start[nPart] = this.#word.length;
    this.#next[nPart - 1] = NONE;
    return nPart;
  }

  #entryOf(at: number, end: number): number {
    const { bytes } = this.#word;
    if (end - at > 2) return this.#pieces.find(bytes, at, end);
    const lead = bytes[at]!;
    const codePoint = end - at === 1 ? lead : ((lead & 31) << 6) | (bytes[at + 1]! & 63);
    const known = this.#common[codePoint]!;
    if (known !== NOT_LOOKED_UP) return known;
    return (this.#common[codePoint] = this.#pieces.find(bytes, at, end));
  }

  #offer(part: number): void {
    const rank = this.#merges.rankOf(this.#entry[part]!, this.#entry[this.#next[part]!]!);
    if (rank >= 0) this.#heap.push(rank * PLACES + part);
  }

  #joinAll(): void {
    for (let key = this.#heap.pop(); key >= 0; key = this.#heap.pop()) {
      const rank = Math.floor(key / PLACES);
      const part = key % PLACES;
      const next = this.#next[part]!;
      // The pair may be gone: one of its parts was joined with another.
      if (next === NONE || this.#entry[part] !== this.#merges.leftOf(rank)) continue;
      if (this.#entry[next] !== this.#merges.rightOf(rank)) continue;
      this.#entry[part] = this.#merges.joinedOf(rank);
      this.#entry[next] = NONE;
      const after = this.#next[next]!;
      this.#next[part] = after;
      if (after !== NONE) {
        this.#previous[after] = part;
        this.#offer(part);
      }
      if (this.#previous[part] !== NONE) this.#offer(this.#previous[part]!);
    }
  }

  #write(part: number): void {
    const id = this.#pieces.idOf(this.#entry[part]!);
    if (id >= 0) {
      this.#writer.token(id);
      return;
    }
    const next = this.#next[part]!;
    const end = next === NONE ? this.#word.length : this.#start[next]!;
    this.#writer.unknown(this.#word.bytes, this.#start[part]!, end);
  }

  #resize(length: number): void {
    this.#entry = new Int32Array(length);
    this.#start = new Int32Array(length + 1);
    this.#next = new Int32Array(length);
    this.#previous = new Int32Array(length);
  }
}

/** A binary heap of numbers, the least first. */
class KeyHeap {
  #keys = new Float64Array(256);
  #length = 0;

  push(key: number): void {
    if (this.#length === this.#keys.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#keys);
      this.#keys = larger;
    }
    const keys = this.#keys;
    let at = this.#length++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (keys[parent]! <= key) break;
      keys[at] = keys[parent]!;
      at = parent;
    }
    keys[at] = key;
  }

  /** The least key; -1 when there is none. */
  pop(): number {
    if (this.#length === 0) return NONE;
    const keys = this.#keys;
    const least = keys[0]!;
    const last = keys[--this.#length]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.#length) break;
      if (child + 1 < this.#length && keys[child + 1]! < keys[child]!) child++;
      if (keys[child]! >= last) break;
      keys[at] = keys[child]!;
      at = child;
    }
    keys[at] = last;
    return least;
  }
}
