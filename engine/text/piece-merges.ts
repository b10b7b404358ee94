/**
 * BPE merges out of a SentencePiece vocabulary. SentencePiece joins the adjacent pair whose joined
 * piece scores best; a merge list says the same as "this pair before that one", so each way to cut
 * a piece into two pieces becomes a merge, best-scored piece first.
 * Reference: convert_slow_tokenizer.py of Hugging Face transformers (generate_merges).
 */

export type Merge = readonly [left: string, right: string];

export function mergesFromScores(
  pieces: readonly string[],
  scores: readonly number[],
  skippedIds: ReadonlySet<number>,
): Merge[] {
  const idOf = new Map(pieces.map((piece, id) => [piece, id]));
  const found: { merge: Merge; score: number; leftId: number; rightId: number }[] = [];
  pieces.forEach((piece, id) => {
    if (skippedIds.has(id)) return;
    for (const cut of codePointBorders(piece)) {
      const merge = [piece.slice(0, cut), piece.slice(cut)] as const;
      const leftId = idOf.get(merge[0]);
      const rightId = idOf.get(merge[1]);
      if (leftId === undefined || rightId === undefined) continue;
      found.push({ merge, score: scores[id] ?? 0, leftId, rightId });
    }
  });
  found.sort((a, b) => b.score - a.score || a.leftId - b.leftId || a.rightId - b.rightId);
  return found.map(({ merge }) => merge);
}

/** The short form "left right" when no piece has a space, else pairs: both are tokenizer.json. */
export function pairsAsStrings(merges: readonly Merge[]): string[] | Merge[] {
  const plain = merges.every(([left, right]) => !left.includes(' ') && !right.includes(' '));
  return plain ? merges.map(([left, right]) => `${left} ${right}`) : [...merges];
}

/** Offsets inside `text` where one code point ends and the next begins. */
function* codePointBorders(text: string): Generator<number> {
  let offset = 0;
  for (const char of text) {
    if (offset > 0) yield offset;
    offset += char.length;
  }
}
