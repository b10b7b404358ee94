/** Captions as words, and runs of words with how often they occur. */

/** The longest run that scores count. */
export const MAX_N = 4;

/**
 * Words of a caption: small letters, and no punctuation. Published scores cut with the Penn Treebank's rules, which also part
 * "isn't" and the like: those differ a little.
 */
export function captionWords(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’][\p{L}]+)*/gu) ?? [];
}

/** Counts of all runs of n words, for n from 1 to MAX_N. */
export type NGramCounts = readonly ReadonlyMap<string, number>[];

export function countNGrams(words: readonly string[]): NGramCounts {
  return Array.from({ length: MAX_N }, (_, i) => {
    const counts = new Map<string, number>();
    for (let at = 0; at + i < words.length; at++) {
      const key = words.slice(at, at + i + 1).join(' ');
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  });
}
