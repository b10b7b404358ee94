/**
 * A text in pieces that fit a model's context, cut where its structure allows: between paragraphs,
 * else sentences, else words, else characters. Pure: how long a text is, the caller says.
 */
import { atOnce } from '../base/turns.ts';
import type { Steps } from '../base/turns.ts';

/** A piece of a text: `text.slice(start, end)`, without white space at its ends. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type CountTokens = (text: string) => number;
/** The same in parts. */
export type CountTokensSteps = (text: string) => Steps<number>;

/** Units from coarse to fine; each gives what a span consists of, white space included. */
const CUTTERS: readonly ((text: string, span: Span) => Span[])[] = [
  (text, span) => cutBehind(text, span, /\n[^\S\n]*\n\s*/g),
  (text, span) => cutBehind(text, span, /\n/g),
  cutSentences,
  (text, span) => cutBehind(text, span, /\s+/g),
  cutHalves,
];

/** Units that are counted before others have a turn; most are sentences or words. */
const UNITS_A_STEP = 256;

const SENTENCES = new Intl.Segmenter('en', { granularity: 'sentence' });

/**
 * Spans of at most `maxTokens`, in order; what lies between them is white space. As much as fits
 * goes into each, but a paragraph that fits one alone is not divided.
 */
export function chunkText(text: string, maxTokens: number, count: CountTokens): Span[] {
  return atOnce(
    chunkSteps(text, maxTokens, function* (part) {
      return count(part);
    }),
  );
}

/** `chunkText` in parts. */
export function* chunkSteps(
  text: string,
  maxTokens: number,
  count: CountTokensSteps,
): Steps<Span[]> {
  const whole = trimSpan(text, { start: 0, end: text.length });
  return whole === null ? [] : yield* chunkSpan(text, whole, maxTokens, count, 0);
}

/** The sentences of a span, without the white space around them. */
export function sentencesOf(text: string, span: Span = { start: 0, end: text.length }): Span[] {
  return cutBehind(text, span, /\n/g)
    .flatMap((line) => cutSentences(text, line))
    .map((sentence) => trimSpan(text, sentence))
    .filter((sentence) => sentence !== null);
}

export function textOf(text: string, { start, end }: Span): string {
  return text.slice(start, end);
}

function* chunkSpan(
  text: string,
  span: Span,
  maxTokens: number,
  count: CountTokensSteps,
  level: number,
): Steps<Span[]> {
  const cut = CUTTERS[level];
  if ((yield* count(textOf(text, span))) <= maxTokens || cut === undefined) return [span];
  yield;
  const units = cut(text, span);
  if (units.length < 2) return yield* chunkSpan(text, span, maxTokens, count, level + 1);
  // Halves are cut in half again.
  const next = Math.min(level + 1, CUTTERS.length - 1);
  const spans: Span[] = [];
  for (const { span: part, isUnit } of yield* packUnits(text, units, maxTokens, count)) {
    const trimmed = trimSpan(text, part);
    if (trimmed === null) continue;
    if (!isUnit) spans.push(trimmed);
    else for (const one of yield* chunkSpan(text, trimmed, maxTokens, count, next)) spans.push(one);
  }
  return spans;
}

interface Pack {
  readonly span: Span;
  /** One unit, which may be too long. */
  readonly isUnit: boolean;
}

/** Neighbours together as long as they fit. */
function* packUnits(
  text: string,
  units: readonly Span[],
  maxTokens: number,
  count: CountTokensSteps,
): Steps<Pack[]> {
  const groups: { units: Span[]; nToken: number }[] = [];
  for (const [index, unit] of units.entries()) {
    if (index % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
    const nToken = yield* count(textOf(text, unit));
    const last = groups.at(-1);
    if (last !== undefined && last.nToken + nToken <= maxTokens) {
      last.units.push(unit);
      last.nToken += nToken;
    } else groups.push({ units: [unit], nToken });
  }
  const packs: Pack[] = [];
  for (const [index, { units: together }] of groups.entries()) {
    if (index % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
    const span = { start: together[0]!.start, end: together.at(-1).end };
    if (together.length === 1) packs.push({ span, isUnit: true });
    // Tokens of a whole may be more than those of its parts, if seldom.
    else if ((yield* count(textOf(text, span))) <= maxTokens) packs.push({ span, isUnit: false });
    else for (const unit of together) packs.push({ span: unit, isUnit: true });
  }
  return packs;
}

function cutBehind(text: string, { start, end }: Span, border: RegExp): Span[] {
  const ends = [...textOf(text, { start, end }).matchAll(border)].map(
    ({ index, 0: { length } }) => start + index + length,
  );
  return spansBetween([start, ...ends, end]);
}

function cutSentences(text: string, { start, end }: Span): Span[] {
  const starts = Array.from(
    SENTENCES.segment(textOf(text, { start, end })),
    ({ index }) => start + index,
  );
  return spansBetween([...starts, end]);
}

/** Not between the halves of a surrogate pair. */
function cutHalves(text: string, { start, end }: Span): Span[] {
  let middle = Math.floor((start + end) / 2);
  if (/[\udc00-\udfff]/.test(text[middle] ?? '')) middle++;
  return spansBetween([start, middle, end]);
}

function spansBetween(borders: readonly number[]): Span[] {
  const spans: Span[] = [];
  for (let i = 1; i < borders.length; i++) {
    const [start, end] = [borders[i - 1]!, borders[i]!];
    if (end > start) spans.push({ start, end });
  }
  return spans;
}

/** The span without white space at its ends; null when nothing else is in it. */
function trimSpan(text: string, span: Span): Span | null {
  const inner = textOf(text, span);
  const start = span.start + (inner.length - inner.trimStart().length);
  const end = span.start + inner.trimEnd().length;
  return end > start ? { start, end } : null;
}
