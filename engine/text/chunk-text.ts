/**
 * A text in pieces that fit a model's context, cut where its structure allows: between paragraphs,
 * else sentences, else words, else characters. Pure: how long a text is, the caller says.
 */

/** A piece of a text: `text.slice(start, end)`, without white space at its ends. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type CountTokens = (text: string) => number;

/** Units from coarse to fine; each gives what a span consists of, white space included. */
const CUTTERS: readonly ((text: string, span: Span) => Span[])[] = [
  (text, span) => cutBehind(text, span, /\n[^\S\n]*\n\s*/g),
  (text, span) => cutBehind(text, span, /\n/g),
  cutSentences,
  (text, span) => cutBehind(text, span, /\s+/g),
  cutHalves,
];

const SENTENCES = new Intl.Segmenter('en', { granularity: 'sentence' });

/**
 * Spans of at most `maxTokens`, in order; what lies between them is white space. As much as fits
 * goes into each, but a paragraph that fits one alone is not divided.
 */
export function chunkText(text: string, maxTokens: number, count: CountTokens): Span[] {
  const whole = trimSpan(text, { start: 0, end: text.length });
  return whole === null ? [] : chunkSpan(text, whole, maxTokens, count, 0);
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

function chunkSpan(
  text: string,
  span: Span,
  maxTokens: number,
  count: CountTokens,
  level: number,
): Span[] {
  const cut = CUTTERS[level];
  if (count(textOf(text, span)) <= maxTokens || cut === undefined) return [span];
  const units = cut(text, span);
  if (units.length < 2) return chunkSpan(text, span, maxTokens, count, level + 1);
  // Halves are cut in half again.
  const next = Math.min(level + 1, CUTTERS.length - 1);
  return packUnits(text, units, maxTokens, count).flatMap(({ span: part, isUnit }) => {
    const trimmed = trimSpan(text, part);
    if (trimmed === null) return [];
    return isUnit ? chunkSpan(text, trimmed, maxTokens, count, next) : [trimmed];
  });
}

interface Pack {
  readonly span: Span;
  /** One unit, which may be too long. */
  readonly isUnit: boolean;
}

/** Neighbours together as long as they fit. */
function packUnits(
  text: string,
  units: readonly Span[],
  maxTokens: number,
  count: CountTokens,
): Pack[] {
  const groups: { units: Span[]; nToken: number }[] = [];
  for (const unit of units) {
    const nToken = count(textOf(text, unit));
    const last = groups.at(-1);
    if (last !== undefined && last.nToken + nToken <= maxTokens) {
      last.units.push(unit);
      last.nToken += nToken;
    } else groups.push({ units: [unit], nToken });
  }
  return groups.flatMap(({ units: together }): Pack[] => {
    const span = { start: together[0]!.start, end: together.at(-1).end };
    if (together.length === 1) return [{ span, isUnit: true }];
    // Tokens of a whole may be more than those of its parts, if seldom.
    if (count(textOf(text, span)) <= maxTokens) return [{ span, isUnit: false }];
    return together.map((unit) => ({ span: unit, isUnit: true }));
  });
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
