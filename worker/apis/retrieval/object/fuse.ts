/**
 * Reciprocal rank fusion of rankings: sum of 1 / (60 + rank) (Cormack, Clarke and Buettcher, SIGIR
 * 2009). The rankings' scores need no common scale.
 */

const RANK_OFFSET = 60;

/** @param rankings keys of each ranking, the best first */
export function fuseRankings(
  rankings: readonly (readonly number[])[],
): { readonly key: number; readonly score: number }[] {
  const scores = new Map<number, number>();
  for (const ranking of rankings)
    for (const [rank, key] of ranking.entries())
      scores.set(key, (scores.get(key) ?? 0) + 1 / (RANK_OFFSET + rank + 1));
  return [...scores]
    .map(([key, score]) => ({ key, score }))
    .sort((a, b) => b.score - a.score || a.key - b.key);
}
