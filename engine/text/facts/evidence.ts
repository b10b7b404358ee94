/**
 * Passages as evidence for answers: which sentence says what a claim says, and what of the claim it does not say.
 *
 * A claim is compared with the sentence that fits the question and the claim best, by their rare words. Its figures
 * and names have to stand in that sentence, or in one that fits nearly as well; in a sentence of several figures of a
 * kind, the part around the figure has to fit as well as any other part. A name of the question may stand anywhere.
 */
import type { Steps } from '../../base/turns.ts';
import type { Span } from '../chunk-text.ts';
import { type Fact, factsIn, isFigure } from './facts.ts';
import { isSameFact, isSameKind } from './same-fact.ts';
import { nameWord } from './names.ts';
import { unitOf } from './units.ts';
import { clausesOf, type Part, partsOf } from './parts.ts';
import { type EvidenceSpan, type PassageText, spansOf, stemsIn, WordWeights } from './spans.ts';

/** `contradicted`: the sentence that fits best has another figure in its place. */
export type Verdict = 'supported' | 'contradicted' | 'unsupported';

export interface CheckedFact extends Span {
  readonly kind: Fact['kind'];
  readonly verdict: Verdict;
}

export interface CheckedClaim {
  readonly facts: readonly CheckedFact[];
  /** Whether all facts are supported; true without any. */
  readonly isSupported: boolean;
  /** Whether its source has other figures of a kind, and nothing says which of them was asked for. */
  readonly isAmbiguous: boolean;
  /** Sentences that say it, the best first; empty where none does. */
  readonly sources: readonly EvidenceSpan[];
}

/** Stems, and the value of each. */
type Words = readonly (readonly [ReadonlySet<string>, number])[];

/** Value of the claim's own words; the question's have 1. */
const CLAIM_WEIGHT = 0.6;
/** A sentence that gives the figures has to fit so well, as a share of the best. */
const LEAST_FIT = 0.75;
/** Share of a claim's words, without figures, that a source of it has. */
const LEAST_SHARE = 0.5;
/**
 * Share of the words of question and claim that the source of a figure or name has to have: a figure of something else
 * answers nothing. Below the second there are no words in common at all, as between two languages, and nothing follows.
 */
const LEAST_ABOUT = 0.33;
const NO_COMMON_WORDS = 0.1;
/** Share of the question that a sentence has to have to be quoted as its answer. */
const LEAST_COVERAGE = 0.4;
/** Share of the words of a part that was not asked for that its source has. */
const LEAST_MORE = 0.6;
const MAX_SOURCES = 3;
/** Facts of one sentence that are looked for; more are not supported. */
const MAX_FACTS = 24;
const EPSILON = 1e-9;

export class Evidence {
  readonly spans: readonly EvidenceSpan[];
  readonly #question: string;
  readonly #questionStems: ReadonlySet<string>;
  readonly #asked: readonly Fact[];
  readonly #weights: WordWeights;
  readonly #parts = new Map<EvidenceSpan, readonly Part[]>();
  readonly #wordsAt = new Map<string, Words>();
  /** By passage: words of its text and headings. */
  readonly #passageWords: readonly ReadonlySet<string>[];

  private constructor(
    spans: readonly EvidenceSpan[],
    passages: readonly PassageText[],
    question: string,
  ) {
    this.spans = spans;
    this.#question = question;
    this.#questionStems = stemsIn(question);
    this.#asked = factsIn(question);
    this.#weights = new WordWeights(spans);
    this.#passageWords = passages.map(
      ({ text, heading = '' }) => new Set(namesWords(`${heading} ${text}`)),
    );
  }

  static *read(passages: readonly PassageText[], question: string): Steps<Evidence> {
    const spans = yield* spansOf(passages);
    return new Evidence(spans, passages, question);
  }

  /** @param isFirst whether it begins the answer: what follows may tell more than was asked */
  check(claim: string, isFirst = false): CheckedClaim {
    const facts = factsIn(claim);
    const figures = facts.filter((fact) => !this.#isAsked(fact, claim)).slice(0, MAX_FACTS);
    this.#wordsAt.clear();
    const near = this.#near(this.#wordsOf(claim, figures));
    const [best] = near;
    if (best === undefined)
      return {
        facts: facts.map((fact) => ({ ...placeOf(fact), verdict: 'unsupported' })),
        isSupported: facts.length === 0,
        isAmbiguous: false,
        sources: [],
      };
    const said = new Map<Fact, EvidenceSpan>();
    const sources = this.#sourcesOf(claim, figures, near, said);
    const checked = facts.map((fact): CheckedFact => {
      // What the question names has to be in the passages, wherever.
      const isSaid = this.#isAsked(fact, claim) ? this.#isAnywhere(fact) : said.has(fact);
      const verdict = isSaid ? 'supported' : verdictWithout(fact, best.span);
      return { ...placeOf(fact), verdict };
    });
    const isAmbiguous = figures.some(
      (fact) =>
        isFigure(fact) && sources.some((span) => this.#lead(span, fact, claim, figures) === 0),
    );
    const isSupported =
      checked.every(({ verdict }) => verdict === 'supported') &&
      (facts.length === 0 || this.#isAbout(claim, facts, sources, best.span, isFirst));
    return { facts: checked, isSupported, isAmbiguous, sources: isSupported ? sources : [] };
  }

  /** The sentence that answers the question by its words, or null where none has enough of them. */
  quote(): EvidenceSpan | null {
    if (!this.hasWhatIsAsked()) return null;
    const total = this.#weights.total(this.#questionStems);
    const [best] = this.#rank([[this.#questionStems, 1]]);
    const isFound = best !== undefined && best.fit > 0 && best.fit >= total * LEAST_COVERAGE;
    return isFound ? best.span : null;
  }

  /** Whether the figures, codes and names that the question asks about are in the passages at all. */
  hasWhatIsAsked(): boolean {
    return this.#asked.every((fact) => this.#isAnywhere(fact));
  }

  /** `#wordsOf` a claim without one fact, kept while the claim is checked. */
  #wordsAround(claim: string, fact: Fact): Words {
    const key = `${fact.start} ${claim}`;
    const words = this.#wordsAt.get(key) ?? this.#wordsOf(claim, [fact]);
    this.#wordsAt.set(key, words);
    return words;
  }

  #partsOf(span: EvidenceSpan): readonly Part[] {
    const parts = this.#parts.get(span) ?? partsOf(span);
    this.#parts.set(span, parts);
    return parts;
  }

  #isAnywhere(fact: Fact): boolean {
    if (fact.kind === 'name')
      return fact.words.every((word) => this.#passageWords.some((words) => words.has(word)));
    return this.spans.some(({ facts, factsAround }) =>
      [...facts, ...factsAround].some((one) => isSameFact(fact, one)),
    );
  }

  /** Words of question and claim, with their weights. */
  #wordsOf(claim: string, figures: readonly Fact[]): Words {
    const own = stemsIn(without(claim, figures));
    return [
      [this.#questionStems, 1],
      [new Set([...own].filter((stem) => !this.#questionStems.has(stem))), CLAIM_WEIGHT],
    ];
  }

  #rank(words: Words) {
    return this.spans
      .map((span) => ({
        span,
        fit: this.#fit(words, span),
      }))
      .sort((a, b) => b.fit - a.fit);
  }

  /** Whether what a claim says is about what was asked, or more than that, as far as words tell. */
  #isAbout(
    claim: string,
    facts: readonly Fact[],
    sources: readonly EvidenceSpan[],
    best: EvidenceSpan,
    isFirst: boolean,
  ): boolean {
    const words = this.#wordsOf(claim, facts);
    const total = this.#total(words);
    const from = sources.length > 0 ? sources : [best];
    const share = Math.max(...from.map((one) => this.#fit(words, one))) / total;
    if (share >= LEAST_ABOUT || this.#fit(words, best) / total < NO_COMMON_WORDS) return true;
    return !isFirst && from.some((one) => this.#tellsMore(claim, facts, claim, one));
  }

  /** Whether a part of a claim has words besides facts and the question's, and a sentence has most of them. */
  #tellsMore(part: string, facts: readonly Fact[], claim: string, span: EvidenceSpan): boolean {
    const known = stemsIn(facts.map(({ start, end }) => claim.slice(start, end)).join(' '));
    const own = stemsIn(part.replaceAll(/[\p{L}°²]+/gu, (word) => (unitOf(word) ? ' ' : word)))
      .difference(known)
      .difference(this.#questionStems);
    if (own.size === 0) return false;
    return this.#shared(own, span.stems) >= this.#weights.total(own) * LEAST_MORE;
  }

  /** Sentences that fit nearly as well as the best, which is the first. */
  #near(words: Words) {
    const ranked = this.#rank(words);
    return ranked.filter(({ fit }) => fit >= ranked[0]!.fit * LEAST_FIT);
  }

  #fit(words: Words, span: EvidenceSpan): number {
    return words.reduce(
      (sum, [stems, weight]) => sum + weight * this.#weights.found(stems, span),
      0,
    );
  }

  #total(words: Words): number {
    return words.reduce(
      (sum, [stems, weight]) => sum + weight * this.#weights.total(stems),
      EPSILON,
    );
  }

  /**
   * Fewest sentences, the best first, that say all the figures; without figures, what has most of the words.
   * @param said takes the sentence of each figure
   */
  #sourcesOf(
    claim: string,
    figures: readonly Fact[],
    near: readonly { readonly span: EvidenceSpan; readonly fit: number }[],
    said: Map<Fact, EvidenceSpan>,
  ): EvidenceSpan[] {
    if (figures.length === 0) {
      const own = stemsIn(claim);
      const total = this.#weights.total(own);
      const { span, fit } = near[0]!;
      const isShown = fit > 0 && this.#weights.found(own, span) >= total * LEAST_SHARE;
      return total > 0 && isShown ? [span] : [];
    }
    const sources: EvidenceSpan[] = [];
    let left = [...figures];
    while (left.length > 0 && sources.length < MAX_SOURCES) {
      const counts = near.map(({ span, fit }) => ({
        span,
        n: fit > 0 ? left.filter((fact) => this.#says(span, fact, claim, figures)).length : 0,
      }));
      const most = counts.reduce((a, b) => (b.n > a.n ? b : a));
      if (most.n === 0) break;
      sources.push(most.span);
      for (const fact of left)
        if (this.#says(most.span, fact, claim, figures)) said.set(fact, most.span);
      left = left.filter((fact) => !said.has(fact));
    }
    // A part of a claim that says more than was asked has the sentence with its own words for a source.
    for (const fact of left.slice(0, MAX_SOURCES)) {
      const part = partAt(claim, fact);
      const span = this.spans.find(
        (one) => this.#tellsMore(part, figures, claim, one) && this.#says(one, fact, part, figures),
      );
      if (span === undefined) continue;
      said.set(fact, span);
      if (!sources.includes(span)) sources.push(span);
    }
    return sources;
  }

  #says(span: EvidenceSpan, fact: Fact, claim: string, figures: readonly Fact[]): boolean {
    if (fact.kind === 'name') return this.#hasName(span, fact, claim);
    if (this.#lead(span, fact, claim, figures) >= 0) return true;
    // A date or a code of a heading holds for all that stands under it.
    const isTitle = fact.kind === 'date' || fact.kind === 'code';
    return isTitle && span.factsAround.some((one) => isSameFact(fact, one));
  }

  /**
   * By how much the part of a sentence that has a figure fits claim and question better than the parts with other
   * figures of its kind: below 0 it is another's figure. Infinity without others, NaN without the figure.
   */
  #lead(span: EvidenceSpan, fact: Fact, claim: string, figures: readonly Fact[]): number {
    const same = span.facts.filter((one) => isSameFact(fact, one));
    if (same.length === 0) return Number.NaN;
    const rivals = span.facts.filter(
      (one) => isSameKind(one, same[0]!) && !figures.some((said) => isSameFact(said, one)),
    );
    if (rivals.length === 0) return Number.POSITIVE_INFINITY;
    const words = this.#wordsAround(claim, fact);
    const parts = this.#partsOf(span);
    const fitAt = ({ start: at }: Fact): number => {
      const part = parts.find(({ start, end }) => at >= start && at < end);
      if (part === undefined) return 0;
      return words.reduce(
        (sum, [stems, weight]) => sum + weight * this.#shared(stems, part.stems),
        0,
      );
    };
    const lead = Math.max(...same.map(fitAt)) - Math.max(...rivals.map(fitAt));
    return Math.abs(lead) < EPSILON ? 0 : lead;
  }

  #shared(stems: ReadonlySet<string>, of: ReadonlySet<string>): number {
    let sum = 0;
    for (const stem of stems) if (of.has(stem)) sum += this.#weights.of(stem);
    return sum;
  }

  /** Whether a claim repeats a name from the question, which says what it is about. */
  #isAsked(fact: Fact, claim: string): boolean {
    if (fact.kind !== 'name') return false;
    return stemsIn(claim.slice(fact.start, fact.end)).isSubsetOf(this.#questionStems);
  }

  /** Whether a sentence has a name; titles may stand above it. */
  #hasName(span: EvidenceSpan, fact: Fact, claim: string): boolean {
    const own = stemsIn(claim.slice(fact.start, fact.end)).difference(this.#questionStems);
    const left = own.difference(span.stems);
    return left.size < own.size && [...left].every((stem) => span.around.has(stem));
  }
}

function verdictWithout(fact: Fact, best: EvidenceSpan): Verdict {
  return isFigure(fact) && best.facts.some((one) => isSameKind(fact, one))
    ? 'contradicted'
    : 'unsupported';
}

function placeOf({ start, end, kind }: Fact): Omit<CheckedFact, 'verdict'> {
  return { start, end, kind };
}

function namesWords(text: string): string[] {
  return Array.from(text.matchAll(/[\p{L}\p{M}][\p{L}\p{M}\p{N}'’.-]*/gu), ([word]) =>
    nameWord(word),
  );
}

/** The clause of a claim that a fact stands in. */
function partAt(claim: string, { start: at }: Fact): string {
  const part = clausesOf(claim).find(({ start, end }) => at >= start && at < end);
  return part === undefined ? claim : claim.slice(part.start, part.end);
}

/** A text with blanks in the place of facts. */
function without(text: string, facts: readonly Fact[]): string {
  let rest = text;
  for (const { start, end } of facts)
    rest = rest.slice(0, start) + ' '.repeat(end - start) + rest.slice(end);
  return rest;
}
