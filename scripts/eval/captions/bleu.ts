/** BLEU-4 of a corpus (Papineni et al. 2002): the closest reference's length counts. 0 to 1. */
import { countNGrams, MAX_N } from './n-grams.ts';

/** So that a corpus without a run of four is not divided by nothing, as the COCO captions' code has it. */
const [SMALL, TINY] = [1e-9, 1e-15];

/** @param said words of a caption of each picture @param references words of what people say of it, at least one each */
export function bleu4(
  said: readonly (readonly string[])[],
  references: readonly (readonly (readonly string[])[])[],
): number {
  const right = new Array<number>(MAX_N).fill(0);
  const all = new Array<number>(MAX_N).fill(0);
  let [nSaid, nReference] = [0, 0];
  for (const [i, words] of said.entries()) {
    const known = references[i]!;
    const counts = countNGrams(words);
    const theirs = known.map((one) => countNGrams(one));
    for (let n = 0; n < MAX_N; n++) {
      all[n]! += Math.max(0, words.length - n);
      for (const [run, count] of counts[n]!)
        right[n]! += Math.min(count, Math.max(...theirs.map((one) => one[n]!.get(run) ?? 0)));
    }
    nSaid += words.length;
    nReference += closest(
      words.length,
      known.map(({ length }) => length),
    );
  }
  const precisions = right.map((n, i) => (n + TINY) / (all[i]! + SMALL));
  const mean = precisions.reduce((product, p) => product * p, 1) ** (1 / MAX_N);
  const ratio = (nSaid + TINY) / (nReference + SMALL);
  return ratio < 1 ? mean * Math.exp(1 - 1 / ratio) : mean;
}

/** The shorter of two that are as close. */
function closest(length: number, lengths: readonly number[]): number {
  return lengths.toSorted((a, b) => Math.abs(a - length) - Math.abs(b - length) || a - b)[0]!;
}
