/**
 * chrF2 (Popovic 2015), as sacrebleu 2 computes it by default: n-grams of 1 to 6 characters without white space, recall
 * twice as heavy as precision. Pure.
 */

const ORDERS = [1, 2, 3, 4, 5, 6] as const;
/** Of recall, squared. */
const BETA_2 = 4;
/** What Python's `str.split` divides at; JavaScript's `\s` differs in seven characters. */
const WHITE_SPACE = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/gu;

/** N-grams of an order: of a hypothesis, of its reference, and those of both. */
interface Counts {
  readonly nHypothesis: number;
  readonly nReference: number;
  readonly nBoth: number;
}

/**
 * The score of a corpus, 0 to 100: counts of all sentences add up. Of several references of a sentence the one that
 * scores best counts.
 * @param references at least one for each hypothesis
 */
export function chrf(
  hypotheses: readonly string[],
  references: readonly (readonly string[])[],
): number {
  const best = hypotheses.map((hypothesis, i) => bestCounts(hypothesis, references[i] ?? []));
  return scoreOf(
    ORDERS.map((_, at) => {
      const all = best.map((counts) => counts[at]!);
      const sum = (key: keyof Counts): number => all.reduce((n, counts) => n + counts[key], 0);
      return {
        nHypothesis: sum('nHypothesis'),
        nReference: sum('nReference'),
        nBoth: sum('nBoth'),
      };
    }),
  );
}

/** @throws {RangeError} without a reference */
function bestCounts(hypothesis: string, references: readonly string[]): readonly Counts[] {
  if (references.length === 0) throw new RangeError('chrf: a hypothesis has no reference');
  const grams = gramsOf(hypothesis);
  return references
    .map((reference) => countsOf(grams, gramsOf(reference)))
    .reduce((best, counts) => (scoreOf(counts) > scoreOf(best) ? counts : best));
}

type Grams = ReadonlyMap<string, number>;

/** How often each n-gram occurs, by order. */
function gramsOf(text: string): readonly Grams[] {
  const letters = [...text.replace(WHITE_SPACE, '')];
  return ORDERS.map((n) => {
    const grams = new Map<string, number>();
    for (let at = 0; at + n <= letters.length; at++) {
      const gram = letters.slice(at, at + n).join('');
      grams.set(gram, (grams.get(gram) ?? 0) + 1);
    }
    return grams;
  });
}

function countsOf(hypothesis: readonly Grams[], reference: readonly Grams[]): readonly Counts[] {
  return hypothesis.map((grams, at) => {
    const wanted = reference[at]!;
    let nBoth = 0;
    for (const [gram, n] of grams) nBoth += Math.min(n, wanted.get(gram) ?? 0);
    // N-grams that no reference can have are not held against a hypothesis.
    return { nHypothesis: wanted.size === 0 ? 0 : total(grams), nReference: total(wanted), nBoth };
  });
}

const total = (grams: Grams): number => [...grams.values()].reduce((sum, n) => sum + n, 0);

/** F of the means of precision and of recall over the orders that both sides have. */
function scoreOf(counts: readonly Counts[]): number {
  const used = counts.filter(({ nHypothesis, nReference }) => nHypothesis > 0 && nReference > 0);
  if (used.length === 0) return 0;
  const mean = (part: (one: Counts) => number): number =>
    used.reduce((sum, one) => sum + part(one), 0) / used.length;
  const precision = mean(({ nBoth, nHypothesis }) => nBoth / nHypothesis);
  const recall = mean(({ nBoth, nReference }) => nBoth / nReference);
  if (precision + recall === 0) return 0;
  return (100 * (1 + BETA_2) * precision * recall) / (BETA_2 * precision + recall);
}
