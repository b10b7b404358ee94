/** Sentences of passages, and how well each fits words that are asked for. */
import { stemmer } from 'stemmer';
import type { Steps } from '../../base/turns.ts';
import { sentencesOf } from '../chunk-text.ts';
import { type Fact, factsIn } from './facts.ts';

export interface PassageText {
  readonly text: string;
  /** Headings above it. */
  readonly heading?: string;
}

/** A sentence, or a row of a table: `passages[passage].text.slice(start, end)`. */
export interface EvidenceSpan {
  readonly passage: number;
  readonly start: number;
  readonly end: number;
  readonly text: string;
  readonly facts: readonly Fact[];
  /** Stems of its words. */
  readonly stems: ReadonlySet<string>;
  /** Stems of what it stands under, headings and the line that leads a table, with the share of their value. */
  readonly around: ReadonlyMap<string, number>;
  /** Facts of what it stands under. */
  readonly factsAround: readonly Fact[];
  /** The line that leads the table of a row; '' for sentences. */
  readonly header: string;
}

/** Sentences of all passages together; later ones are not looked at. */
export const MAX_SPANS = 4000;
/** A longer sentence is looked at in parts. */
const MAX_SPAN_CHARS = 1000;
const SPANS_A_STEP = 64;
/** Share of its value that a word has where it stands only above a sentence. */
const UNDER_HEADING = 0.4;
const UNDER_COLUMN = 0.7;

const COMMON_WORDS = new Set(
  (
    'a about an and any are as at be been but by can could did do does for from had has have he her his how i if in ' +
    'into is it its many may me more most much must my no not of on or our per she should so some such than that the ' +
    'their them then there these they this to up was we were what when where which who whom whose why will with would you your'
  ).split(' '),
);

/** Stems of the words of a text that say something. */
export function stemsIn(text: string): Set<string> {
  const plain = text
    .normalize('NFD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase();
  const stems = new Set<string>();
  for (const [word] of plain.matchAll(/[\p{L}\p{N}]+/gu))
    if (!COMMON_WORDS.has(word))
      stems.add(word.length > 2 && word.length < 64 ? stemmer(word) : word);
  return stems;
}

/** The sentences of passages, in parts. */
export function* spansOf(passages: readonly PassageText[]): Steps<EvidenceSpan[]> {
  const spans: EvidenceSpan[] = [];
  for (const [passage, { text, heading = '' }] of passages.entries()) {
    let header = '';
    let under: string | null = null;
    let read = { around: new Map<string, number>(), factsAround: [] as Fact[], header };
    for (const sentence of sentencesOf(withoutHeadings(text))) {
      const line = text.slice(sentence.start, sentence.end);
      if (!/[\p{L}\p{N}]/u.test(line)) continue;
      const isRow = line.startsWith('|');
      if (isRow && header === '') {
        header = line;
        continue;
      }
      if (!isRow) header = '';
      const above = `${heading}\n${header}`;
      if (above !== under) {
        under = above;
        const around = new Map([...stemsIn(heading)].map((stem) => [stem, UNDER_HEADING]));
        for (const stem of stemsIn(header)) around.set(stem, UNDER_COLUMN);
        read = { around, factsAround: factsIn(above), header };
      }
      for (let at = sentence.start; at < sentence.end; at += MAX_SPAN_CHARS) {
        const end = Math.min(at + MAX_SPAN_CHARS, sentence.end);
        const part = text.slice(at, end);
        const own = { facts: factsIn(part), stems: stemsIn(part) };
        spans.push({ passage, start: at, end, text: part, ...own, ...read });
        if (spans.length >= MAX_SPANS) return spans;
        if (spans.length % SPANS_A_STEP === 0) yield;
      }
    }
  }
  return spans;
}

/** Blanks in the place of Markdown's headings, which are no sentences. */
function withoutHeadings(text: string): string {
  return text.replaceAll(/^ {0,3}#{1,6} .*$/gm, (line) => ' '.repeat(line.length));
}

/** Words by how few sentences have them. */
export class WordWeights {
  readonly #counts = new Map<string, number>();
  readonly #n: number;

  constructor(spans: readonly EvidenceSpan[]) {
    this.#n = spans.length;
    for (const { stems } of spans)
      for (const stem of stems) this.#counts.set(stem, (this.#counts.get(stem) ?? 0) + 1);
  }

  of(stem: string): number {
    return Math.log(1 + (this.#n + 0.5) / ((this.#counts.get(stem) ?? 0) + 0.5));
  }

  total(stems: ReadonlySet<string>): number {
    let sum = 0;
    for (const stem of stems) sum += this.of(stem);
    return sum;
  }

  /** Value of the words that a sentence and its surroundings have. */
  found(stems: ReadonlySet<string>, span: EvidenceSpan): number {
    let sum = 0;
    for (const stem of stems)
      if (span.stems.has(stem)) sum += this.of(stem);
      else sum += this.of(stem) * (span.around.get(stem) ?? 0);
    return sum;
  }
}
