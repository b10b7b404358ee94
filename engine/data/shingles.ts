/**
 * Shingles of a text: hashes of every run of some words, which tell how much two texts share whatever surrounds it
 * (Broder 1997, "On the resemblance and containment of documents").
 */

/** Words of a shingle, unless the caller says otherwise. */
const SHINGLE_WORDS = 3;
/** Scripts that put no spaces between words: each character counts as a word. */
const WORDS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]|[\p{L}\p{N}\p{M}]+/gu;

/** Lower-case words of a text, without punctuation. */
export function plainWords(text: string): string[] {
  return text.normalize('NFKC').toLowerCase().match(WORDS) ?? [];
}

/**
 * Distinct hashes of the runs of `nWord` words, in no order; a text of fewer words is one shingle, one without
 * words has none.
 */
export function shinglesOf(text: string, nWord: number = SHINGLE_WORDS): Uint32Array {
  const words = plainWords(text);
  if (words.length === 0) return new Uint32Array(0);
  const found = new Set<number>();
  const hashes = words.map(hashWord);
  const nRun = Math.max(1, words.length - nWord + 1);
  for (let start = 0; start < nRun; start++) {
    let hash = 0x9e3779b9;
    for (let i = start; i < Math.min(words.length, start + nWord); i++)
      hash = mix(Math.imul(hash, 31) ^ hashes[i]!);
    found.add(hash >>> 0);
  }
  return Uint32Array.from(found);
}

/** What two sets share of what they have together, 0 to 1; two empty sets share nothing. */
export function jaccard(one: Uint32Array, other: Uint32Array): number {
  const known = new Set(one);
  const nShared = other.reduce((n, hash) => n + (known.has(hash) ? 1 : 0), 0);
  const nAll = one.length + other.length - nShared;
  return nAll === 0 ? 0 : nShared / nAll;
}

/** The same of two sets in ascending order, without a table. */
export function sortedJaccard(one: Uint32Array, other: Uint32Array): number {
  let nShared = 0;
  for (let i = 0, j = 0; i < one.length && j < other.length;) {
    const [a, b] = [one[i]!, other[j]!];
    if (a === b) nShared++;
    if (a <= b) i++;
    if (b <= a) j++;
  }
  const nAll = one.length + other.length - nShared;
  return nAll === 0 ? 0 : nShared / nAll;
}

/** FNV-1a over UTF-16 units. */
function hashWord(word: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** murmur3's finalizer: every bit of the input changes about half of the output's. */
export function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
