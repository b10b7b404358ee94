/**
 * Captions without a language model: of the pictures most like one, the caption that the others agree with best (Devlin et
 * al. 2015, arXiv 1505.04467). What a captioner does not beat it has not understood.
 */
import type { Cider } from './cider.ts';

/** A picture whose captions are known. */
export interface KnownPicture {
  /** Of length 1. */
  readonly vector: Float32Array;
  /** Words of each caption. */
  readonly captions: readonly (readonly string[])[];
}

/** Pictures whose captions are asked for agreement. */
const N_NEIGHBOUR = 20;

export function unitVector(values: Float32Array): Float32Array {
  const length = Math.sqrt(values.reduce((sum, x) => sum + x * x, 0)) || 1;
  return values.map((x) => x / length);
}

/** @param known at least one @param cider rarity by the captions that are known */
export function consensusCaption(
  vector: Float32Array,
  known: readonly KnownPicture[],
  cider: Cider,
): readonly string[] {
  const likeness = known.map((one) => dot(vector, one.vector));
  const nearest = [...known.keys()]
    .toSorted((a, b) => likeness[b]! - likeness[a]!)
    .slice(0, N_NEIGHBOUR)
    .flatMap((i) => known[i]!.captions);
  return mostAgreed(nearest, cider);
}

/** The caption that is most like all others; the first of equal ones. @param captions at least one */
export function mostAgreed(
  captions: readonly (readonly string[])[],
  cider: Cider,
): readonly string[] {
  let best = { score: -Infinity, words: captions[0]! };
  for (const [i, words] of captions.entries()) {
    const others = captions.filter((_, j) => j !== i);
    const score = others.length === 0 ? 0 : cider.score(words, others);
    if (score > best.score) best = { score, words };
  }
  return best.words;
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
