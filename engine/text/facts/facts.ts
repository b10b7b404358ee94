/**
 * What in a text can be checked against another word for word: figures, dates, times, codes, addresses and names.
 * Pure, and linear in the text: every pattern has a bound.
 */
import { numberOfWords, NUMBER_WORDS, ORDINAL_WORDS, ordinalValue } from './number-words.ts';
import { monthOf, MONTH } from './months.ts';
import { type Unit, UNIT_PHRASES, unitOf } from './units.ts';
import { namesIn } from './names.ts';

/** A value that is compared; `text.slice(start, end)` wrote it. */
export type Fact = {
  readonly start: number;
  readonly end: number;
} & FactValue;

export type FactValue =
  | Quantity
  /** Minutes since midnight; `isExact` where "pm", or an hour above 12, says which half of the day. */
  | { readonly kind: 'time'; readonly minutes: number; readonly isExact: boolean }
  | {
      readonly kind: 'date';
      readonly year: number | null;
      readonly month: number;
      readonly day: number | null;
    }
  /** Letters and digits together, numbers of versions, telephones and addresses of machines. */
  | { readonly kind: 'code'; readonly code: string }
  /** E-mail or web address. */
  | { readonly kind: 'address'; readonly address: string }
  | { readonly kind: 'name'; readonly words: readonly string[] };

export interface Quantity {
  readonly kind: 'quantity';
  /** What the digits may mean: "1.200" is 1.2, or 1200 as half of Europe writes it. */
  readonly values: readonly number[];
  readonly unit: Unit | null;
  /** What is counted, where no unit follows: "residents" of "412 residents". */
  readonly noun: string | null;
  readonly isOrdinal: boolean;
}

/** Names and addresses are words; all others are figures. */
export function isFigure({ kind }: FactValue): boolean {
  return kind !== 'name' && kind !== 'address';
}

interface Row {
  readonly pattern: RegExp;
  readonly read: (match: RegExpMatchArray, text: string) => readonly Found[];
}
type Found = FactValue & { readonly length?: number };

const NUMBER =
  "\\d{1,3}(?:,\\d{3}){1,6}(?:\\.\\d{1,12})?|\\d{1,3}(?:[ '\u00a0\u202f\u2009\u2019]\\d{3}){1,6}(?!\\d)(?:[.,]\\d{1,12})?|" +
  '\\d{1,3}(?:\\.\\d{3}){2,6}(?:,\\d{1,12})?|\\d{1,18}(?:[.,]\\d{1,12})?';
const SIGN = '(?:(?<=^|[\\s(|])[-\u2212\u2013](?=\\d)|(?<=\\b)minus )?';
const SCALES: Readonly<Record<string, number>> = {
  ...{ thousand: 1e3, k: 1e3, million: 1e6, mio: 1e6, billion: 1e9, bn: 1e9 },
};
const CURRENCY = '(?:[€$£¥]\\s?|(?:EUR|USD|GBP|CHF|JPY)\\s)?';
/** Words after a number that say nothing about what it counts. */
const EMPTY_NOUNS = new Set(
  (
    'a about after all an and any are as at be because before but by can during each else every for from had has ' +
    'have if in into is it less more must no not of off on only or other out over per since than that the then ' +
    'there they this to under until up was were when where which while who will with within'
  ).split(' '),
);
/** What joins numbers that share the unit of the last. */
const JOINT = /^\s?(?:to|and|or|or|by|x|×|-|–|,|up to)\s?(?=[-\u2212]?\d)/;

/** The first row takes what it matches; what is taken is not seen by those after it. */
const ROWS: readonly Row[] = [
  {
    pattern: /[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,6}/g,
    read: ([address]) => [{ kind: 'address', address: address.toLowerCase() }],
  },
  {
    pattern: /\b(?:https?:\/\/|www\.)[^\s<>()"'|]{1,300}/gi,
    read: ([address]) => {
      const trimmed = address.replace(/[.,;:!?]{1,9}$/, '');
      return [
        {
          kind: 'address',
          address: trimmed.toLowerCase().replace(/^(?:https?:\/\/)?(?:www\.)?|\/$/g, ''),
          length: trimmed.length,
        },
      ];
    },
  },
  {
    pattern: /(?<![\p{L}\p{N}.])\d{4}-\d{2}-\d{2}(?![\d-])/gu,
    read: ([text]) => {
      const [year = 0, month = 0, day = 0] = text.split('-').map(Number);
      return isDate(month, day) ? [{ kind: 'date', year, month, day }] : [];
    },
  },
  {
    pattern: /(?<![\d.])(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})(?![\d.]*\d)/g,
    read: ([, day, month, year]) => {
      if (!isDate(Number(month), Number(day))) return [];
      return [{ kind: 'date', year: fullYear(year), month: Number(month), day: Number(day) }];
    },
  },
  {
    // Which comes first, day or month, the text does not say: a value of each.
    pattern: /(?<![\d/])(\d{1,2})\/(\d{1,2})\/(\d{4}|\d{2})(?![\d/])/g,
    read: ([, a, b, year]) =>
      [
        [Number(a), Number(b)],
        [Number(b), Number(a)],
      ].flatMap(([day = 0, month = 0]): Found[] =>
        isDate(month, day) ? [{ kind: 'date', year: fullYear(year), month, day }] : [],
      ),
  },
  {
    // "7 and 8 September 2024", "from 8 to 16 May"; "14 March", "14th of March 2023".
    pattern: new RegExp(
      `(?<![\\p{L}\\p{N}])(?:(\\d{1,2})(?:st|nd|rd|th)?(?:\\s?[-–]\\s?| and | to | or ))?` +
        `(\\d{1,2})(?:st|nd|rd|th)?\\.? (?:of )?(${MONTH})\\.?(?:,? (\\d{4}))?(?!\\p{L})`,
      'giu',
    ),
    read: ([, first, day, month = '', year]) =>
      [first, day].flatMap((one): Found[] =>
        one === undefined || !isDate(1, Number(one)) ? [] : [dateOf(year, month, one)],
      ),
  },
  {
    pattern: new RegExp(
      `(?<!\\p{L})(${MONTH})\\.? (\\d{1,2})(?:st|nd|rd|th)?(?![\\d:.]\\d|\\d)(?:,? (\\d{4}))?(?!\\p{L})`,
      'giu',
    ),
    read: ([, month = '', day, year]) => (isDate(1, Number(day)) ? [dateOf(year, month, day)] : []),
  },
  {
    pattern: new RegExp(`(?<!\\p{L})(${MONTH})\\.?,? (\\d{4})(?!\\d)`, 'giu'),
    read: ([, month = '', year]) => [dateOf(year, month, undefined)],
  },
  {
    pattern: /(?<![\d:.,])(\d{1,2})[:.](\d{2})(?::\d{2})?\s?([ap])\.?m\b\.?/gi,
    read: ([, hour, minute, half]) => timeOf(hour, minute, half),
  },
  {
    pattern: /(?<![\d:.,])(\d{1,2}):(\d{2})(?![\d:]|\s?:)(?!\s?[ap]\.?m\b)/gi,
    read: ([, hour, minute]) => timeOf(hour, minute, undefined),
  },
  {
    pattern: /(?<![\d:.,])(\d{1,2})\s?([ap])\.?m\b\.?/gi,
    read: ([, hour, half]) => timeOf(hour, '0', half),
  },
  {
    pattern: /(?<![\p{L}\p{N}.])\d{1,4}(?:\.\d{1,4}){2,7}(?![\p{L}\p{N}])/gu,
    read: ([code]) => (isGrouped(code) ? [] : [{ kind: 'code', code }]),
  },
  {
    pattern:
      /(?<![\p{L}\p{N}_])(?=[\p{L}\d_-]{0,40}\d)(?=[\p{L}\d_-]{0,40}\p{L})[\p{L}\d][\p{L}\d_-]{1,40}/gu,
    read: ([code]) => (isMeasure(code) ? [] : [{ kind: 'code', code: codeOf(code) }]),
  },
  {
    pattern:
      /(?<![\p{L}\p{N}.,])(\d{1,4}) (?:h|hrs?|hours?)(?: and |, | )(\d{1,2}) (?:min|mins|minutes?)\b/gu,
    read: ([, hours, minutes]) => [
      quantity([Number(hours) * 3600 + Number(minutes) * 60], { dimension: 'second', factor: 1 }),
    ],
  },
  {
    pattern: /(?<![\p{L}\p{N}])(\d{1,6})(?:st|nd|rd|th)(?!\p{L})/giu,
    read: ([, digits]) => [{ ...quantity([Number(digits)], null), isOrdinal: true }],
  },
  {
    pattern: ORDINAL_WORDS,
    read: ([word]) => [{ ...quantity([ordinalValue(word)], null), isOrdinal: true }],
  },
  {
    pattern: new RegExp(`(${CURRENCY})(${SIGN})(?<![\\p{L}\\p{N}_])(${NUMBER})`, 'gu'),
    read: (match, text) => [readNumber(match, text)],
  },
  {
    pattern: NUMBER_WORDS,
    read: (match, text) => {
      const [words] = match;
      const value = numberOfWords(words);
      if (value === null) return [];
      const found = withUnit([value], text, match.index! + words.length);
      const length = words.length + found.length;
      // "One" alone is a pronoun.
      return value === 1 && found.unit === null ? [] : [{ ...found, length }];
    },
  },
  {
    pattern: /(?<!\p{L})(once|twice) (?:a|an|per|each|every)(?!\p{L})/giu,
    read: ([, word = '']) => [
      { ...quantity([word.toLowerCase() === 'once' ? 1 : 2], null), noun: 'times' },
    ],
  },
];

/** Facts in the order of their places. A name is looked for in what is no figure. */
export function factsIn(text: string): Fact[] {
  const facts: Fact[] = [];
  let rest = text;
  for (const { pattern, read } of ROWS) {
    const taken: [number, number][] = [];
    for (const match of rest.matchAll(pattern)) {
      const start = match.index + (match[0].length - match[0].trimStart().length);
      for (const { length, ...value } of read(match, rest)) {
        const end = length === undefined ? match.index + match[0].length : match.index + length;
        facts.push({ ...value, start, end });
        taken.push([start, end]);
      }
    }
    rest = blanked(rest, taken);
  }
  for (const name of namesIn(text, rest)) facts.push({ kind: 'name', ...name });
  return facts.sort((a, b) => a.start - b.start || a.end - b.end);
}

/** The text with as many blanks in the place of what has been read. */
function blanked(text: string, taken: readonly [number, number][]): string {
  if (taken.length === 0) return text;
  const parts: string[] = [];
  let at = 0;
  for (const [start, end] of taken) {
    if (start < at) continue;
    parts.push(text.slice(at, start), '\u0001'.repeat(end - start));
    at = end;
  }
  return parts.join('') + text.slice(at);
}

function quantity(values: readonly number[], unit: Unit | null): Quantity {
  return { kind: 'quantity', values, unit, noun: null, isOrdinal: false };
}

function readNumber(match: RegExpMatchArray, text: string): Found {
  const [whole, currency = '', sign = '', digits = ''] = match;
  const values = valuesOf(digits).map((value) => (sign === '' ? value : -value));
  const before = unitOf(currency.trim());
  const after = withUnit(values, text, match.index! + whole.length);
  const length = whole.length + after.length;
  return { ...after, length, ...(before === undefined ? {} : { unit: before, noun: null }) };
}

/** A number with what stands after it: a scale, whose length is given, then a unit or what is counted. */
function withUnit(
  values: readonly number[],
  text: string,
  at: number,
): Quantity & { readonly length: number } {
  const after = text.slice(at, at + 60);
  const [scaleText, , scaleName = ''] =
    /^(\s|-)?(thousand|million|mio|billion|bn|k)(?![\p{L}\p{N}])/iu.exec(after) ?? [];
  const scale = SCALES[scaleName.toLowerCase()] ?? 1;
  const scaled = values.map((value) => value * scale);
  const { unit, noun } = unitAfter(text, at + (scaleText?.length ?? 0), 0);
  return { ...quantity(scaled, unit), noun, length: scaleText?.length ?? 0 };
}

/** Numbers that share a unit are few. */
const MAX_JOINED = 6;

function unitAfter(
  text: string,
  at: number,
  depth: number,
): { unit: Unit | null; noun: string | null } {
  const after = text.slice(at, at + 60);
  const joint = JOINT.exec(after);
  if (joint !== null && depth < MAX_JOINED) {
    const next = new RegExp(`^[-\u2212]?(?:${NUMBER})`).exec(after.slice(joint[0].length));
    if (next !== null) return unitAfter(text, at + joint[0].length + next[0].length, depth + 1);
  }
  const word = after.replace(/^[\s\u00a0-]/, '');
  for (const [phrase, name] of UNIT_PHRASES)
    if (phrase.test(word)) return { unit: unitOf(name) ?? null, noun: null };
  const [name = ''] = /^(?:°?[\p{L}µ]{1,20}(?:\/[\p{L}]{1,3})?[²³]?|[%€$£¥])/u.exec(word) ?? [];
  const unit = unitOf(name) ?? unitOf(name.replace(/\/.*$/, ''));
  if (unit !== undefined) return { unit, noun: null };
  const noun = name.toLowerCase();
  return { unit: null, noun: noun === '' || EMPTY_NOUNS.has(noun) ? null : noun };
}

function valuesOf(digits: string): number[] {
  const plain = digits.replace(/[ '\u00a0\u202f\u2009\u2019]/g, '');
  if (/^\d{1,3}(?:,\d{3})+(?:\.\d+)?$/.test(plain)) return [Number(plain.replaceAll(',', ''))];
  if (/^\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?$/.test(plain))
    return [Number(plain.replaceAll('.', '').replace(',', '.'))];
  const value = Number(plain.replace(',', '.'));
  return /^[1-9]\d{0,2}\.\d{3}$/.test(plain) ? [value, Number(plain.replace('.', ''))] : [value];
}

/** Digits that points divide in threes are one number. */
function isGrouped(code: string): boolean {
  return /^[1-9]\d{0,2}(?:\.\d{3})+$/.test(code);
}

/** Whether letters after digits are a unit or an ordinal's, so that the whole is no code: "5km", "2nd", "12k". */
function isMeasure(code: string): boolean {
  const [, letters = ''] = /^\d+-?(\p{L}+)$/u.exec(code) ?? [];
  return (
    letters !== '' &&
    (unitOf(letters) !== undefined ||
      letters.toLowerCase() in SCALES ||
      /^(?:st|nd|rd|th)$/i.test(letters))
  );
}

function codeOf(text: string): string {
  return text.toLowerCase().replaceAll(/[-_\s]/g, '');
}

function isDate(month: number, day: number): boolean {
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

function fullYear(year = ''): number {
  return year.length === 2 ? 2000 + Number(year) : Number(year);
}

function dateOf(year: string | undefined, month: string, day: string | undefined): Found {
  return {
    kind: 'date',
    year: year === undefined ? null : Number(year),
    month: monthOf(month),
    day: day === undefined ? null : Number(day),
  };
}

function timeOf(hour = '', minute = '', half: string | undefined): Found[] {
  const [hours, minutes] = [Number(hour), Number(minute)];
  if (hours > 24 || minutes > 59) return [];
  const isAfternoon = half?.toLowerCase() === 'p';
  const shift =
    half === undefined ? 0 : isAfternoon ? (hours < 12 ? 12 : 0) : hours === 12 ? -12 : 0;
  return [
    {
      kind: 'time',
      minutes: (hours + shift) * 60 + minutes,
      isExact: half !== undefined || hours > 12,
    },
  ];
}
