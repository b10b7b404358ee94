/** Words that a transcript gets wrong, as word error rates count them. Pure. */

/** Lower case, without punctuation; two spellings of a word count as one. */
export function spokenWords(text: string): string[] {
  return text
    .toLowerCase()
    .replaceAll('mr.', 'mister')
    .replaceAll('-', ' ')
    .replace(/[^\p{L}\p{N}' ]/gu, '')
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** Fewest words to insert, delete or replace (Levenshtein 1965). */
export function wordErrors(want: readonly string[], got: readonly string[]): number {
  let before = Array.from({ length: got.length + 1 }, (_, j) => j);
  for (const [i, word] of want.entries()) {
    const here = [i + 1];
    for (const [j, other] of got.entries())
      here.push(Math.min(before[j + 1]! + 1, here[j]! + 1, before[j]! + (word === other ? 0 : 1)));
    before = here;
  }
  return before.at(-1);
}
