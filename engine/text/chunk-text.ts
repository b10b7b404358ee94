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

/**
 * Where units begin, and where the last one ends: ascending, without two that are equal. Numbers and not spans, since
 * a text can have hundreds of thousands, and as many objects hold everything up while they are collected.
 */
type Borders = readonly number[];

/** Units from coarse to fine; each gives what a span consists of, white space included. */
const CUTTERS: readonly ((text: string, span: Span) => Borders)[] = [
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
  return spansBetween(cutBehind(text, span, /\n/g))
    .flatMap((line) => spansBetween(cutSentences(text, line)))
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
  const borders = cut(text, span);
  if (borders.length < 3) return yield* chunkSpan(text, span, maxTokens, count, level + 1);
  // Halves are cut in half again.
  const next = Math.min(level + 1, CUTTERS.length - 1);
  const spans: Span[] = [];
  const packs = yield* packUnits(text, borders, maxTokens, count);
  for (const [index, { span: part, isUnit }] of packs.entries()) {
    if (index % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
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
  borders: Borders,
  maxTokens: number,
  count: CountTokensSteps,
): Steps<Pack[]> {
  const groups: { readonly first: number; end: number; nToken: number }[] = [];
  for (let unit = 0; unit < borders.length - 1; unit++) {
    if (unit % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
    const nToken = yield* count(text.slice(borders[unit], borders[unit + 1]));
    const last = groups.at(-1);
    if (last !== undefined && last.nToken + nToken <= maxTokens) {
      last.end = unit + 1;
      last.nToken += nToken;
    } else groups.push({ first: unit, end: unit + 1, nToken });
  }
  const packs: Pack[] = [];
  for (const [index, { first, end }] of groups.entries()) {
    if (index % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
    const span = { start: borders[first]!, end: borders[end]! };
    if (end - first === 1) packs.push({ span, isUnit: true });
    // Tokens of a whole may be more than those of its parts, if seldom.
    else if ((yield* count(textOf(text, span))) <= maxTokens) packs.push({ span, isUnit: false });
    else
      for (let unit = first; unit < end; unit++) {
        if (unit % UNITS_A_STEP === UNITS_A_STEP - 1) yield;
        packs.push({ span: { start: borders[unit]!, end: borders[unit + 1]! }, isUnit: true });
      }
  }
  return packs;
}

function cutBehind(text: string, { start, end }: Span, border: RegExp): Borders {
  const borders = [start];
  for (const { index, 0: match } of textOf(text, { start, end }).matchAll(border))
    borders.push(start + index + match.length);
  if (borders.at(-1) !== end) borders.push(end);
  return borders;
}

function cutSentences(text: string, { start, end }: Span): Borders {
  const borders: number[] = [];
  for (const { index } of SENTENCES.segment(textOf(text, { start, end })))
    borders.push(start + index);
  return [...borders, end];
}

/** Not between the halves of a surrogate pair. */
function cutHalves(text: string, { start, end }: Span): Borders {
  let middle = Math.floor((start + end) / 2);
  if (/[\udc00-\udfff]/.test(text[middle] ?? '')) middle++;
  return start < middle && middle < end ? [start, middle, end] : [start, end];
}

function spansBetween(borders: Borders): Span[] {
  return borders.slice(1).map((end, i) => ({ start: borders[i]!, end }));
}

/** The span without white space at its ends; null when nothing else is in it. */
function trimSpan(text: string, span: Span): Span | null {
  const inner = textOf(text, span);
  const start = span.start + (inner.length - inner.trimStart().length);
  const end = span.start + inner.trimEnd().length;
  return end > start ? { start, end } : null;
}
