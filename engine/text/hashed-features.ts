/**
 * What a small linear classifier sees of a text: its words, pairs of words and the n-grams of characters inside
 * words, each hashed to a bucket (feature hashing, arXiv 0902.2206). Spellings that are meant to escape word
 * lists share most of their character n-grams with the word they hide.
 */

/** Words of a window: a long text is judged by its worst part. */
export const WINDOW_WORDS = 40;
const STRIDE_WORDS = 20;
/** Longer runs of letters are cut into pieces of this many characters. */
const MAX_WORD_CHARS = 24;
const NGRAMS = [3, 4, 5];
/** The same letter more often in a row says no more. */
const REPEATS = /(.)\1{2,}/gu;
const URLS = /https?:\/\/\S+|www\.\S+/g;
/** Names of accounts say who is spoken to, not what is said. */
const MENTIONS = /@\w+/g;
const INVISIBLE = /[\u00ad\u200b-\u200f\u2060\ufeff\p{M}]/gu;
const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
const ENTITY = /&(?:#(\d{1,6})|(amp|lt|gt|quot|apos));/g;
const WORDS = /[\p{L}\p{N}$@!*]+(?:'[\p{L}]+)?|[^\s\p{L}\p{N}]/gu;
/** Digits and signs that stand for letters inside a word. */
const STAND_INS: Readonly<Record<string, string>> = {
  ...{ '0': 'o', '1': 'i', '3': 'e', '4': 'a', '5': 's', '7': 't' },
  ...{ '@': 'a', $: 's', '!': 'i' },
};
const STAND_IN = /[013457@$!]/g;
const HAS_LETTER = /\p{L}/u;
const ENDS_IN_SIGNS = /[!@$*]+$/;

/** Lower-case words of a text, as they are meant rather than as they are spelt. */
export function wordsOf(text: string): string[] {
  const plain = text
    .replace(ENTITY, (_, code: string | undefined, name: string | undefined) =>
      code === undefined ? ENTITIES[name!]! : safeCodePoint(Number(code)),
    )
    .normalize('NFKD')
    .replace(INVISIBLE, '')
    .replace(URLS, ' ')
    .replace(MENTIONS, ' ')
    .toLowerCase()
    .replace(REPEATS, '$1$1');
  const words: string[] = [];
  for (const [found] of plain.matchAll(WORDS)) {
    const word = HAS_LETTER.test(found) ? readable(found) : found;
    for (let start = 0; start < word.length; start += MAX_WORD_CHARS)
      words.push(word.slice(start, start + MAX_WORD_CHARS));
  }
  return words;
}

function safeCodePoint(code: number): string {
  return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)
    ? String.fromCodePoint(code)
    : ' ';
}

function readable(word: string): string {
  return word.replace(ENDS_IN_SIGNS, '').replace(STAND_IN, (sign) => STAND_INS[sign]!);
}

/** First and last word (exclusive) of each window. */
export function windowsOf(nWord: number): [from: number, to: number][] {
  const windows: [number, number][] = [[0, Math.min(nWord, WINDOW_WORDS)]];
  for (let from = STRIDE_WORDS; from + WINDOW_WORDS - STRIDE_WORDS < nWord; from += STRIDE_WORDS)
    windows.push([from, Math.min(nWord, from + WINDOW_WORDS)]);
  return windows;
}

/** Hashes of each word's own features, before they are masked to buckets; shared by the windows it is in. */
export interface WordFeatures {
  readonly own: readonly number[];
  /** Of the word with the one after it; null for the last. */
  readonly pair: number | null;
}

export function wordFeatures(words: readonly string[]): WordFeatures[] {
  return words.map((word, i) => {
    const own = [hash(`w ${word}`)];
    if (HAS_LETTER.test(word)) {
      const marked = `<${word}>`;
      for (const n of NGRAMS)
        for (let start = 0; start + n <= marked.length; start++)
          own.push(hash(marked, start, start + n));
    }
    const next = words[i + 1];
    return { own, pair: next === undefined ? null : hash(`p ${word} ${next}`) };
  });
}

/** FNV-1a over UTF-16 units, mixed as in murmur3's finalizer. */
function hash(text: string, from = 0, to = text.length): number {
  let h = 0x811c9dc5;
  for (let i = from; i < to; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
