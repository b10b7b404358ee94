/**
 * CIDEr-D (arXiv 1411.5726): how alike a caption is to what people say of the same picture, by their runs of words, where those
 * count little that are said of many pictures. 0 to 10; published numbers are 100 times as large as this one's.
 */
import { countNGrams, MAX_N, type NGramCounts } from './n-grams.ts';

/** Captions of other lengths are worth less: the width of a Gaussian over the difference. */
const SIGMA = 6;
const MOST = 10;

interface Vector {
  /** By run of words: its count times how rare it is. */
  readonly weights: readonly ReadonlyMap<string, number>[];
  readonly norms: readonly number[];
  /** Runs of two words, by which lengths are compared, as the authors' code has it. */
  readonly length: number;
}

export class Cider {
  readonly #nPicture: number;
  /** Pictures of which somebody says a run of words. */
  readonly #nWith: ReadonlyMap<string, number>;
  readonly #known = new Map<string, Vector>();

  /** @param references words of all captions of each picture, which say how rare runs are */
  constructor(references: readonly (readonly (readonly string[])[])[]) {
    const nWith = new Map<string, number>();
    for (const captions of references) {
      const found = new Set(
        captions.flatMap((words) => countNGrams(words).flatMap((counts) => [...counts.keys()])),
      );
      for (const key of found) nWith.set(key, (nWith.get(key) ?? 0) + 1);
    }
    this.#nPicture = references.length;
    this.#nWith = nWith;
  }

  /** @param words of a caption @param captions what people say of its picture, at least one */
  score(words: readonly string[], captions: readonly (readonly string[])[]): number {
    const said = this.#vector(words);
    const sum = captions.reduce((total, one) => total + likeness(said, this.#vector(one)), 0);
    return (MOST * sum) / captions.length;
  }

  #vector(words: readonly string[]): Vector {
    const key = words.join(' ');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = this.#weigh(countNGrams(words));
    this.#known.set(key, made);
    return made;
  }

  #weigh(counts: NGramCounts): Vector {
    const all = Math.log(this.#nPicture);
    const weights = counts.map(
      (ofLength) =>
        new Map(
          [...ofLength].map(([run, n]) => [
            run,
            n * (all - Math.log(Math.max(1, this.#nWith.get(run) ?? 0))),
          ]),
        ),
    );
    const norms = weights.map((ofLength) =>
      Math.sqrt([...ofLength.values()].reduce((sum, x) => sum + x * x, 0)),
    );
    const length = [...(counts[1]?.values() ?? [])].reduce((sum, n) => sum + n, 0);
    return { weights, norms, length };
  }
}

function likeness(said: Vector, reference: Vector): number {
  const penalty = Math.exp(-((said.length - reference.length) ** 2) / (2 * SIGMA ** 2));
  let sum = 0;
  for (let n = 0; n < MAX_N; n++) {
    let product = 0;
    for (const [run, weight] of said.weights[n]!) {
      const other = reference.weights[n]!.get(run) ?? 0;
      // What is said more often than by people gains nothing.
      product += Math.min(weight, other) * other;
    }
    const norms = said.norms[n]! * reference.norms[n]!;
    sum += norms === 0 ? 0 : (product / norms) * penalty;
  }
  return sum / MAX_N;
}
