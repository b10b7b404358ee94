/**
 * The bytes of every token, sorted, in a few typed arrays: about 14 bytes a token of English text.
 * A walk over all tokens in that order meets each common beginning once. Knows no tokenizer.
 */
import { EngineError } from '../../base/errors.ts';
import { atOnce } from '../../base/turns.ts';
import type { Steps } from '../../base/turns.ts';

export interface VocabularyRows {
  /** Number of token ids, [0, nVocab). */
  readonly nVocab: number;
  /** Bytes of text a token stands for; null or empty for tokens that are not text. */
  readonly bytesOf: (token: number) => Uint8Array | null;
  /** Tokens that end the output; never text. */
  readonly endTokens: readonly number[];
}

/** Beginnings are compared up to here; longer tokens are read again from there. */
const MAX_SHARED = 255;

/** Crosses from the isolate that reads a tokenizer to the one that decodes; nothing to parse. */
export interface VocabularyParts {
  readonly nVocab: number;
  readonly endTokens: readonly number[];
  /** Tokens that are text, sorted by their bytes. */
  readonly order: Uint16Array | Uint32Array;
  /** By place in `order`: bytes shared with the token before. */
  readonly shared: Uint8Array;
  /** Bytes of all tokens: those of token t from `offsets[t]` up to `offsets[t + 1]`. */
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

export class Vocabulary implements VocabularyParts {
  readonly nVocab: number;
  readonly endTokens: readonly number[];
  readonly order: Uint16Array | Uint32Array;
  readonly shared: Uint8Array;
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  /** By first byte: the place of its first token; [257], the last is the number of tokens. */
  readonly firstPlace: Uint32Array;
  readonly longestBytes: number;
  /** Bytes that are a token by themselves. */
  readonly singles: ReadonlySet<number>;

  constructor(of: VocabularyRows | VocabularyParts) {
    const parts = 'order' in of ? of : atOnce(sortVocabulary(of));
    this.nVocab = parts.nVocab;
    this.endTokens = parts.endTokens;
    this.order = parts.order;
    this.shared = parts.shared;
    this.bytes = parts.bytes;
    this.offsets = parts.offsets;
    this.firstPlace = this.#findFirstPlaces();
    let longest = 0;
    const singles = new Set<number>();
    for (const token of this.order) {
      longest = Math.max(longest, this.lengthOf(token));
      if (this.lengthOf(token) === 1) singles.add(this.bytesOf(token)[0]!);
    }
    this.longestBytes = longest;
    this.singles = singles;
  }

  /** All that another isolate needs to have the same vocabulary. */
  get parts(): VocabularyParts {
    const { nVocab, endTokens, order, shared, bytes, offsets } = this;
    return { nVocab, endTokens, order, shared, bytes, offsets };
  }

  /** Bytes of memory the arrays take. */
  get byteLength(): number {
    const { order, shared, firstPlace, bytes, offsets } = this;
    return [order, shared, firstPlace, bytes, offsets].reduce((sum, a) => sum + a.byteLength, 0);
  }

  lengthOf(token: number): number {
    return this.offsets[token + 1]! - this.offsets[token]!;
  }

  bytesOf(token: number): Uint8Array {
    return this.bytes.subarray(this.offsets[token], this.offsets[token + 1]);
  }

  /** Whether the id stands for text, so that its bytes decide. */
  isText(token: number): boolean {
    return token >= 0 && token < this.nVocab && this.lengthOf(token) > 0;
  }

  /**
   * The fewest tokens that spell `bytes`, in order.
   * @returns null when no tokens spell them
   */
  spell(bytes: Uint8Array): number[] | null {
    const fewest = new Array<number>(bytes.length + 1).fill(Infinity);
    const choice = new Array<number>(bytes.length).fill(-1);
    fewest[bytes.length] = 0;
    for (let at = bytes.length - 1; at >= 0; at--) {
      this.#eachPrefix(bytes, at, (token, length) => {
        const count = 1 + fewest[at + length]!;
        if (count >= fewest[at]!) return;
        fewest[at] = count;
        choice[at] = token;
      });
    }
    if (fewest[0] === Infinity) return null;
    const tokens: number[] = [];
    for (let at = 0; at < bytes.length; at += this.lengthOf(choice[at]!)) tokens.push(choice[at]!);
    return tokens;
  }

  /** Calls `visit` with every token that `bytes` begin with, from `at` on. */
  #eachPrefix(bytes: Uint8Array, at: number, visit: (token: number, length: number) => void): void {
    let from = this.firstPlace[bytes[at]!]!;
    let to = this.firstPlace[bytes[at]! + 1]!;
    for (let length = 1; from < to; length++) {
      const token = this.order[from]!;
      if (this.lengthOf(token) === length) visit(token, length);
      if (at + length >= bytes.length) return;
      // Narrow those that share `length` bytes to those with the right next one.
      const byte = bytes[at + length]!;
      from = this.#lowerBound(from, to, length, byte);
      to = this.#lowerBound(from, to, length, byte + 1);
    }
  }

  /** First place in [from, to) whose byte at `index` is at least `byte`; a missing one is less. */
  #lowerBound(from: number, to: number, index: number, byte: number): number {
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const token = this.order[middle]!;
      const value = index < this.lengthOf(token) ? this.bytes[this.offsets[token]! + index]! : -1;
      if (value < byte) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #findFirstPlaces(): Uint32Array {
    const places = new Uint32Array(257);
    for (const token of this.order) places[this.bytes[this.offsets[token]!]! + 1]!++;
    for (let byte = 0; byte < 256; byte++) places[byte + 1]! += places[byte]!;
    return places;
  }
}

/** Tokens that are read, or compared, between two turns. */
const SLICE_TOKENS = 8192;
/** First bytes that order most tokens: as digits of base 257, with the token, they fit a number exactly. */
const KEY_BYTES = 4;
/** Tokens up to which they do: 257^4 * 2^20 is less than 2^53. */
const MAX_KEYED = 2 ** 20;

/** Sorts tokens by their bytes, in parts: a vocabulary of 150,000 takes a tenth of a second. */
export function* sortVocabulary({
  nVocab,
  bytesOf,
  endTokens,
}: VocabularyRows): Steps<VocabularyParts> {
  const ends = new Set(endTokens);
  const words: (Uint8Array | null)[] = [];
  const offsets = new Uint32Array(nVocab + 1);
  for (let token = 0; token < nVocab; token++) {
    const word = ends.has(token) ? null : bytesOf(token);
    words.push(word);
    offsets[token + 1] = offsets[token]! + (word?.length ?? 0);
    if (token % SLICE_TOKENS === SLICE_TOKENS - 1) yield;
  }
  const bytes = new Uint8Array(offsets[nVocab]!);
  words.forEach((word, token) => word && bytes.set(word, offsets[token]));
  const texts = words.flatMap((word, token) => (word !== null && word.length > 0 ? [token] : []));
  yield;
  const order = yield* sorted(texts, words as readonly Uint8Array[]);
  yield;
  const common = (a: number, b: number): number => commonBytes(words[a]!, words[b]!);
  return {
    ...{ nVocab, endTokens, bytes, offsets },
    order: nVocab <= 0x10000 ? Uint16Array.from(order) : Uint32Array.from(order),
    shared: Uint8Array.from(order, (token, place) =>
      place === 0 ? 0 : Math.min(common(order[place - 1]!, token), MAX_SHARED),
    ),
  };
}

/** Tokens in the order of their words, those of equal words by their ids. */
function* sorted(tokens: readonly number[], words: readonly Uint8Array[]): Steps<number[]> {
  const isKeyed = words.length <= MAX_KEYED;
  const keys = Float64Array.from(tokens, (token) =>
    isKeyed ? keyOf(words[token]!) * MAX_KEYED + token : token,
  );
  keys.sort();
  yield;
  const order: number[] = [];
  let group: number[] = [];
  let [groupKey, nSince] = [-1, 0];
  const flush = (): void => {
    if (group.length > 1) group.sort((a, b) => compareWords(words[a]!, words[b]!) || a - b);
    for (const token of group) order.push(token);
    group = [];
  };
  for (const key of keys) {
    const prefix = isKeyed ? Math.floor(key / MAX_KEYED) : 0;
    if (prefix !== groupKey) {
      flush();
      groupKey = prefix;
      if (nSince >= SLICE_TOKENS) {
        nSince = 0;
        yield;
      }
    }
    group.push(isKeyed ? key - prefix * MAX_KEYED : key);
    nSince++;
  }
  flush();
  return order;
}

/** The first bytes as a number; a byte that is missing comes before all others. */
function keyOf(word: Uint8Array): number {
  let key = 0;
  for (let i = 0; i < KEY_BYTES; i++) key = key * 257 + (i < word.length ? word[i]! + 1 : 0);
  return key;
}

function compareWords(a: Uint8Array, b: Uint8Array): number {
  const at = commonBytes(a, b);
  return (a[at] ?? -1) - (b[at] ?? -1);
}

function commonBytes(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.length, b.length);
  let count = 0;
  while (count < most && a[count] === b[count]) count++;
  return count;
}

/** @throws {EngineError} E_REQUEST_INVALID when `token` is not an id of the vocabulary */
export function checkToken(vocabulary: Vocabulary, token: number): void {
  if (Number.isInteger(token) && token >= 0 && token < vocabulary.nVocab) return;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `grammar: token; expected an id below ${vocabulary.nVocab}, got ${token}.`,
  );
}
