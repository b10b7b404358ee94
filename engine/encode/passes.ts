/** Puts texts of similar length together, so that a pass is full and nothing is padded. */

/**
 * Indices of texts, pass by pass: the shortest first, as many as fit into `nRow` rows.
 * @param lengths tokens of each text, at most nRow
 */
export function planPasses(lengths: readonly number[], nRow: number): number[][] {
  const order = lengths.map((_, i) => i).sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const passes: number[][] = [];
  let left = 0;
  for (const i of order) {
    if (left < lengths[i]!) {
      passes.push([]);
      left = nRow;
    }
    passes.at(-1).push(i);
    left -= lengths[i]!;
  }
  return passes;
}
