/**
 * Cosines and BM25 as one score, half of each (convex combination of scores: Bruch, Gai and Ingber, "An Analysis of
 * Fusion Functions for Hybrid Retrieval", ACM TOIS 2023). Ranks alone would make the best of many bad matches of words
 * as good as the best of the meanings (docs/retrieval.md).
 */

/**
 * Words which one passage alone has that make a match of words as good as the best cosine; each gives at most its idf, about
 * log N of N passages, times 2.2. Chosen on the questions of `thimble eval retrieval`: 2 and 4 are nearly as good.
 */
const TELLING_WORDS = 2.5;

/**
 * @param byVector cosines of the nearest passages; they count from 0 of the least to 1 of the largest
 * @param byText BM25 of the passages that share words
 * @param nPassage of the collection
 * @param wordless pictures without a caption: that they match no words says nothing of them, so their meaning stands for words,
 *   too, in parts of the best match of words
 * @returns all passages of both, the best first
 */
export function blendScores(
  byVector: ReadonlyMap<number, number>,
  byText: ReadonlyMap<number, number>,
  nPassage: number,
  wordless: ReadonlySet<number> = new Set(),
): { readonly key: number; readonly score: number }[] {
  const cosines = [...byVector.values()];
  const [least, most] = [Math.min(...cosines), Math.max(...cosines)];
  const meaning = (cosine: number | undefined): number =>
    cosine === undefined ? 0 : most > least ? (cosine - least) / (most - least) : 1;
  const fullMatch = TELLING_WORDS * Math.log(1 + nPassage);
  const bestMatch = Math.max(0, ...byText.values());
  const match = (key: number): number => {
    const own = byText.get(key) ?? 0;
    return wordless.has(key) ? Math.max(own, meaning(byVector.get(key)) * bestMatch) : own;
  };
  return [...new Set([...byVector.keys(), ...byText.keys()])]
    .map((key) => ({ key, score: (meaning(byVector.get(key)) + match(key) / fullMatch) / 2 }))
    .sort((a, b) => b.score - a.score || a.key - b.key);
}
