/** Numbers in groups: cards, phones and national ids. A number is a run of groups of digits with single separators. */
import { isBsn, isCpf, isDni, isGermanTaxId, isLuhn, isNhs, isSsn } from './check-digits.ts';
import type { Span } from './span.ts';
import { isDigit, isWordAt, matches } from './span.ts';

/** Most groups of one number: a phone as pairs of digits. */
const MAX_GROUPS = 8;
const MAX_GROUP_DIGITS = 19;
const SEPARATORS = ' -./\u00a0\u2011\u202f';
/** How far before a number a word may say what it is. */
const CONTEXT_CHARS = 32;

/** Some groups in a row. */
interface Candidate extends Span {
  readonly digits: string;
  /** As it is written. */
  readonly text: string;
  /** Lengths of its groups. */
  readonly shape: string;
  /** What stands before it. */
  readonly before: string;
}

/** Digits that a kind of number has. */
interface Sizes {
  readonly min: number;
  readonly max: number;
}

type Test = (candidate: Candidate) => boolean;

interface Group extends Span {
  /** Whether the next group follows after one separator, or after ") ". */
  joined: boolean;
}

/** The longest candidates that pass, from left to right. */
function* findNumbers(text: string, sizes: Sizes, test: Test): Generator<Span, void, void> {
  const groups: Group[] = [];
  for (const group of groupsOf(text)) {
    groups.push(group);
    // Enough to decide on the first of them.
    if (groups.length > MAX_GROUPS) yield* take(text, groups, sizes, test);
  }
  while (groups.length > 0) yield* take(text, groups, sizes, test);
}

/** Decides on the first group, and takes it and those that belong to it away. */
function* take(
  text: string,
  groups: Group[],
  { min, max }: Sizes,
  test: Test,
): Generator<Span, void, void> {
  const ends: number[] = [];
  for (let i = 0, nDigit = 0; i < MAX_GROUPS && i < groups.length; i++) {
    const { start, end, joined } = groups[i]!;
    nDigit += end - start;
    ends.push(nDigit);
    if (!joined || nDigit > max) break;
  }
  for (let n = ends.length; n > 0; n--) {
    if (ends[n - 1]! < min || ends[n - 1]! > max) continue;
    const found = candidateOf(text, groups.slice(0, n));
    if (found === null || !test(found)) continue;
    groups.splice(0, n);
    yield { start: found.start, end: found.end };
    return;
  }
  groups.shift();
}

function* groupsOf(text: string): Generator<Group, void, void> {
  let last: Group | null = null;
  for (let i = 0; i < text.length; i++) {
    if (!isDigit(text.charCodeAt(i))) continue;
    let end = i + 1;
    while (isDigit(text.charCodeAt(end))) end++;
    if (last !== null) {
      last.joined = isSeparator(text.slice(last.end, Math.min(i, last.end + 4)), i - last.end);
      yield last;
    }
    last = { start: i, end, joined: false };
    i = end;
  }
  if (last !== null) yield last;
}

function isSeparator(between: string, length: number): boolean {
  if (length === 1) return SEPARATORS.includes(between);
  return length <= 3 && /^(?:\) ?|[ -]\(|\)-| - |\(0\)| \(0)$/.test(between);
}

function candidateOf(text: string, groups: readonly Group[]): Candidate | null {
  let start = groups[0]!.start;
  const { end } = groups.at(-1)!;
  if (groups.some((group) => group.end - group.start > MAX_GROUP_DIGITS)) return null;
  if (text[start - 1] === '(') start--;
  if (text[start - 1] === '+') start--;
  else if (text[start - 1] === ' ' && text[start - 2] === '+') start -= 2;
  if (isWordAt(text, start - 1) || isWordAt(text, end)) return null;
  // A decimal number, or a part of a longer one.
  if (
    /[.,]\d?$/.test(text.slice(Math.max(0, start - 2), start)) &&
    isDigit(text.charCodeAt(start - 2))
  )
    return null;
  return {
    start,
    end,
    text: text.slice(start, end),
    digits: groups.map((group) => text.slice(group.start, group.end)).join(''),
    shape: groups.map((group) => group.end - group.start).join(' '),
    before: text.slice(Math.max(0, start - CONTEXT_CHARS), start),
  };
}

/** Issuers' ranges: Visa, Mastercard, American Express, Discover, JCB, Diners, Maestro, UnionPay. */
const CARD_START =
  /^(?:4|5[1-5]|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720)|3[47]|6(?:011|4[4-9]|5)|35(?:2[89]|[3-8])|3(?:0[0-5]|[68])|5[06-9]|6[0-9]|81)/;

export const findCards = (text: string): Iterable<Span> =>
  findNumbers(
    text,
    { min: 13, max: 19 },
    ({ digits, text: written }) =>
      !/[+(./]/.test(written) && CARD_START.test(digits) && isLuhn(digits),
  );

const PHONE_CONTEXT =
  /(?:phone|tel|telefon|tel\u00e9fono|mobile|mobil|cell|call|fax|whatsapp|handy|ring|text|sms)\W{0,3}(?:\w{1,9}\W{1,3}){0,3}$/i;
/** Numbers of countries that are written with separators; the North American plan, and with 0 as trunk prefix. */
const isNanp = (digits: string): boolean => /^1?[2-9]\d{2}[2-9]\d{6}$/.test(digits);
const NANP_SHAPE = /^(?:1 )?3 3 4$/;
const isTrunk = (digits: string): boolean => /^0[1-9]\d{7,10}$/.test(digits);

function isPhone({ text, digits, shape, before }: Candidate): boolean {
  const n = digits.length;
  if (text.startsWith('+')) return n >= 8 && n <= 16;
  if (/^00[1-9]/.test(digits)) return n >= 10 && n <= 17;
  const isGrouped = shape.includes(' ');
  if (isNanp(digits) && NANP_SHAPE.test(shape)) return true;
  if (isTrunk(digits) && isGrouped && !/\.\d{4}$/.test(text)) return true;
  return (isTrunk(digits) || isNanp(digits) || (n >= 7 && n <= 12)) && PHONE_CONTEXT.test(before);
}

export const findPhones = (text: string): Iterable<Span> =>
  findNumbers(text, { min: 7, max: 17 }, isPhone);

/** How each national number is written; those that a tenth of all numbers would pass need a word before them. */
const NATIONAL_IDS: readonly {
  readonly is: (digits: string) => boolean;
  readonly shape: RegExp;
  readonly context?: RegExp;
}[] = [
  { is: isSsn, shape: /^3 2 4$/ },
  { is: isSsn, shape: /^9$/, context: /\b(?:ssn|social security)\b/i },
  { is: isNhs, shape: /^3 3 4$/ },
  { is: isNhs, shape: /^10$/, context: /\bnhs\b/i },
  { is: isGermanTaxId, shape: /^(?:11|2 3 3 3)$/ },
  { is: isBsn, shape: /^4 2 3$/ },
  { is: isBsn, shape: /^[89]$/, context: /\b(?:bsn|burgerservicenummer|sofinummer)\b/i },
  { is: isCpf, shape: /^(?:11|3 3 3 2)$/ },
];

const DNI = /(?:\d{8}|[XYZxyz]\d{7})[- ]?[A-Za-z]/g;

export function* findNationalIds(text: string): Generator<Span, void, void> {
  yield* findNumbers(
    text,
    { min: 8, max: 11 },
    ({ digits, shape, before, text: written }) =>
      /^\d/.test(written) &&
      NATIONAL_IDS.some(
        (id) =>
          id.shape.test(shape) &&
          (id.context === undefined || id.context.test(before)) &&
          id.is(digits),
      ),
  );
  for (const span of matches(text, DNI))
    if (isDni(text.slice(span.start, span.end).replace(/[- ]/, ''))) yield span;
}
