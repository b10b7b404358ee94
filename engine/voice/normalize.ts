/**
 * Written English to words a voice can say: a list of rules in order, each a pattern and its
 * spoken form. American readings (1/3 is January third). docs/audio.md has a table of examples.
 */
import { cleanText } from './clean.ts';
import { cardinal, decimal, digitByDigit, isOne, ordinal, year } from './numbers.ts';
import {
  ABBREVIATIONS,
  CURRENCIES,
  LETTER_NAMES,
  MONTH_NAMES,
  MONTHS,
  SYMBOLS,
  UNITS,
  WORD_ACRONYMS,
} from './words.ts';

interface Rule {
  readonly pattern: RegExp;
  readonly say: (...groups: string[]) => string;
}

const rule = (pattern: RegExp, say: Rule['say']): Rule => ({ pattern, say });

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
const oneOf = (words: readonly string[]): string =>
  [...words]
    .sort((a, b) => b.length - a.length)
    .map(escape)
    .join('|');

/** Digits, with or without groups of three; at most 21 of them matter. */
const INT = String.raw`\d{1,3}(?:,\d{3})+|\d+`;
const NUMBER = String.raw`(?:${INT})(?:\.\d+)?`;
const MONTH = oneOf(Object.keys(MONTH_NAMES));
/** Not directly after a digit, letter or point. */
const START = String.raw`(?<![\p{L}\p{N}.,])`;
const END = String.raw`(?![\p{L}\p{N}])`;

const plain = (digits: string): string => digits.replaceAll(',', '');

function amount(symbol: string, digits: string, scale: string | undefined): string {
  const [one, many, hundredth, hundredths] = CURRENCIES[symbol] ?? ['', '', '', ''];
  const text = plain(digits);
  if (scale !== undefined) return `${decimal(text)} ${scale} ${many}`;
  const [whole = '0', cents] = text.split('.');
  const wholeWords = `${cardinal(whole)} ${isOne(whole) ? one : many}`;
  if (cents === undefined || cents.length !== 2)
    return cents === undefined ? wholeWords : `${decimal(text)} ${many}`;
  if (Number(cents) === 0) return wholeWords;
  const centWords = `${cardinal(String(Number(cents)))} ${isOne(cents) ? hundredth : hundredths}`;
  return Number(whole) === 0 ? centWords : `${wholeWords} and ${centWords}`;
}

function clock(hour: string, minute: string, half: string | undefined): string {
  const suffix =
    half === undefined ? '' : ` ${half.toLowerCase().startsWith('a') ? 'ay em' : 'pee em'}`;
  const hours = cardinal(String(Number(hour)));
  if (minute === '00') return half === undefined ? `${hours} o'clock` : `${hours}${suffix}`;
  const minutes = minute.startsWith('0') ? `oh ${cardinal(minute.slice(1))}` : cardinal(minute);
  return `${hours} ${minutes}${suffix}`;
}

function date(month: string, day: string, yearDigits: string | undefined): string {
  const text = `${month} ${ordinal(String(Number(day)))}`;
  return yearDigits === undefined ? text : `${text}, ${year(yearDigits)}`;
}

const monthOf = (name: string): string => MONTH_NAMES[name.toLowerCase().replace('.', '')] ?? name;

function address(text: string): string {
  return text
    .replace(/^https?:\/\//i, '')
    .replace(/\/$/, '')
    .replaceAll(/[.@/:?&=#%_~+-]|\d+/g, (part) => ` ${ADDRESS_PARTS[part] ?? digitByDigit(part)} `);
}

const ADDRESS_PARTS: Readonly<Record<string, string>> = {
  '.': 'dot',
  '@': 'at',
  '/': 'slash',
  ':': 'colon',
  '?': 'question mark',
  '&': 'and',
  '=': 'equals',
  '#': 'hash',
  '%': 'percent',
  _: 'underscore',
  '~': 'tilde',
  '+': 'plus',
  '-': 'dash',
};

const HALVES: Readonly<Record<string, string>> = {
  '1/2': 'one half',
  '1/4': 'one quarter',
  '3/4': 'three quarters',
};

function fraction(whole: string): string {
  const known = HALVES[whole];
  if (known !== undefined) return known;
  const [top = '', bottom = ''] = whole.split('/');
  return `${cardinal(top)} ${ordinal(bottom)}${isOne(top) ? '' : 's'}`;
}

/** In order: what is longer and more certain comes first. */
const RULES: readonly Rule[] = [
  rule(/https?:\/\/[^\s<>"]{1,300}[^\s<>".,;:!?)]|www\.[^\s<>"]{1,300}[^\s<>".,;:!?)]/giu, address),
  rule(/[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,5}/gu, address),
  rule(
    new RegExp(
      `(?<![\\p{L}])(?:${oneOf(Object.keys(ABBREVIATIONS))})(?=(\\s+\\p{Lu}|\\s*$)?)`,
      'gu',
    ),
    (short, next) =>
      // A period that also ends the sentence stays.
      `${ABBREVIATIONS[short] ?? short}${/^(?:etc|Inc|Ltd|Co|Corp|Jr|Sr)\./.test(short) && next !== undefined ? '.' : ''}`,
  ),
  rule(/(?<!\p{L})St\.(?=\s+\p{Lu})/gu, () => 'Saint'),
  rule(/(?<!\p{L})St\.(?!\p{L})/gu, () => 'Street'),
  rule(/(?<!\p{L})No\.\s*(?=\d)/gu, () => 'number '),
  // 2024-01-31
  rule(
    new RegExp(`${START}(\\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])${END}`, 'gu'),
    (_, y = '', m, d = '') => date(MONTHS[Number(m) - 1] ?? '', d, y),
  ),
  // 1/31/2024
  rule(
    new RegExp(`${START}(0?[1-9]|1[0-2])/(0?[1-9]|[12]\\d|3[01])/(\\d{4})${END}`, 'gu'),
    (_, m, d = '', y) => date(MONTHS[Number(m) - 1] ?? '', d, y),
  ),
  // January 3rd, 2024; Jan 3
  rule(
    new RegExp(
      `(?<!\\p{L})(${MONTH})\\.?\\s+(\\d{1,2})(?:st|nd|rd|th)?(?:,?\\s+(\\d{4}))?${END}`,
      'giu',
    ),
    (_, m = '', d = '', y) => date(monthOf(m), d, y),
  ),
  // 3 January 2024
  rule(
    new RegExp(
      `${START}(\\d{1,2})(?:st|nd|rd|th)?\\s+(${MONTH})\\.?(?:,?\\s+(\\d{4}))?${END}`,
      'giu',
    ),
    (_, d = '', m = '', y) => date(monthOf(m), d, y),
  ),
  rule(
    new RegExp(`${START}([01]?\\d|2[0-3]):([0-5]\\d)(?:\\s?([ap])\\.?m\\b\\.?)?${END}`, 'giu'),
    (_, h = '', m = '', half) => clock(h, m, half),
  ),
  rule(
    new RegExp(`${START}(1[0-2]|0?[1-9])\\s?([ap])\\.?m\\b\\.?${END}`, 'giu'),
    (_, h = '', half) => clock(h, '00', half),
  ),
  rule(
    new RegExp(
      `([${escape(Object.keys(CURRENCIES).join(''))}])\\s?(${NUMBER})(?:\\s?(thousand|million|billion|trillion))?${END}`,
      'gu',
    ),
    (_, symbol = '', digits = '', scale) => amount(symbol, digits, scale),
  ),
  rule(new RegExp(`${START}(${NUMBER})\\s?(€|£)`, 'gu'), (_, digits = '', symbol = '') =>
    amount(symbol, digits, undefined),
  ),
  // The 1990s, the 90s; elsewhere 90s are seconds.
  rule(new RegExp(`${START}(1\\d|20)(\\d)0s${END}`, 'gu'), (_, century = '', tens = '') =>
    tens === '0'
      ? `${cardinal(century)} hundreds`
      : `${cardinal(century)} ${plural(cardinal(`${tens}0`))}`,
  ),
  rule(new RegExp(`(?<=\\bthe )'?([2-9]0)s${END}`, 'giu'), (_, tens = '') =>
    plural(cardinal(tens)),
  ),
  rule(
    new RegExp(`${START}(-?)(${NUMBER})\\s?%`, 'gu'),
    (_, sign = '', digits = '') =>
      `${sign === '' ? '' : 'minus '}${decimal(plain(digits))} percent`,
  ),
  rule(
    new RegExp(
      `${START}(-?)(${NUMBER})\\s?(${oneOf(Object.keys(UNITS))})(?![\\p{L}\\p{N}/])`,
      'gu',
    ),
    (_, sign = '', digits = '', unit = '') => {
      const [one, many] = UNITS[unit] ?? [unit, unit];
      return `${sign === '' ? '' : 'minus '}${decimal(plain(digits))} ${isOne(digits) ? one : many}`;
    },
  ),
  rule(new RegExp(`${START}(${INT})(?:st|nd|rd|th)${END}`, 'giu'), (_, digits = '') =>
    ordinal(plain(digits)),
  ),
  // In 1984, since 2012, of 1999.
  rule(
    /(?<=\b(?:in|since|of|by|from|until|till|year|during|before|after|around|circa|spring|summer|autumn|fall|winter)\s)(1[1-9]\d{2}|20\d{2})(?![\p{L}\p{N}]|[.,]\d)/giu,
    (digits) => year(digits),
  ),
  // 555-1234 and longer: a telephone's digits.
  rule(
    new RegExp(
      `${START}(?:\\+\\d{1,3}[ -])?(?:\\(\\d{3}\\)\\s?|\\d{3}[ -])?\\d{3}-\\d{4}${END}`,
      'gu',
    ),
    (number) => (number.match(/\d+/g) ?? []).map(digitByDigit).join(', '),
  ),
  // 10-20, 1990-1995
  rule(new RegExp(`${START}(\\d{1,4})-(\\d{1,4})${END}(?!-)`, 'gu'), (_, a = '', b = '') => {
    const isYears = a.length === 4 && b.length === 4;
    return isYears ? `${year(a)} to ${year(b)}` : `${cardinal(a)} to ${cardinal(b)}`;
  }),
  rule(new RegExp(`${START}(\\d{1,3}/\\d{1,3})${END}(?!/)`, 'gu'), (_, text = '') =>
    fraction(text),
  ),
  // Versions: 3.1.4
  rule(new RegExp(`${START}v?(\\d+(?:\\.\\d+){2,5})${END}`, 'gu'), (_, text = '') =>
    text.split('.').map(cardinal).join(' point '),
  ),
  rule(new RegExp(`${START}-(?=\\d)`, 'gu'), () => 'minus '),
  rule(new RegExp(`(${NUMBER})`, 'gu'), (_, digits = '') => ` ${decimal(plain(digits))} `),
  rule(/(?<!\p{L})(?:\p{Lu}\.){2,8}/gu, (letters) => spell(letters.replaceAll('.', ''))),
  rule(/(?<![\p{L}'])\p{Lu}{2,5}(s?)(?![\p{L}'])/gu, (word, s) => acronym(word, s)),
  rule(
    new RegExp(`[${escape(Object.keys(SYMBOLS).join(''))}]`, 'gu'),
    (symbol) => SYMBOLS[symbol] ?? ' ',
  ),
  rule(/\s*\/\s*/g, () => ' or '),
];

function plural(words: string): string {
  return words.endsWith('y') ? `${words.slice(0, -1)}ies` : `${words}s`;
}

function spell(letters: string): string {
  return Array.from(letters.toLowerCase(), (letter) => LETTER_NAMES[letter] ?? '').join(' ');
}

function acronym(word: string, s: string | undefined): string {
  const letters = s === undefined || s === '' ? word : word.slice(0, -1);
  if (WORD_ACRONYMS.has(letters)) return word.toLowerCase();
  return `${spell(letters)}${s ?? ''}`;
}

/** Whether most letters are capitals: then capitals mean nothing, and words are not spelled out. */
function isShouted(text: string): boolean {
  const letters = text.match(/\p{L}/gu)?.length ?? 0;
  const capitals = text.match(/\p{Lu}/gu)?.length ?? 0;
  return letters >= 12 && capitals > 0.7 * letters;
}

/** Paragraphs of words, with the punctuation that makes a pause: . , ; : ! ? */
export function normalizeText(text: string): string[] {
  const clean = cleanText(text).replaceAll(/&+/g, '&');
  const lower = isShouted(clean) ? clean.toLowerCase() : clean;
  return lower
    .split(/\n\s*\n/)
    .map(normalizeParagraph)
    .filter((paragraph) => /\p{L}/u.test(paragraph));
}

function normalizeParagraph(paragraph: string): string {
  let out = paragraph.replaceAll('\n', ' ');
  for (const { pattern, say } of RULES)
    out = out.replaceAll(pattern, (...groups: unknown[]) =>
      say(...(groups.slice(0, -2) as string[])),
    );
  return out
    .normalize('NFD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\p{Script=Latin}'.,;:!?\s-]/gu, ' ')
    .replaceAll(/(?<![\p{L}])'|'(?![\p{L}])/gu, ' ')
    .replaceAll(/-/g, ' ')
    .replaceAll(/\s+([.,;:!?])/g, '$1')
    .replaceAll(/[.,;:!?]*([.!?])[.,;:!?]*/g, '$1')
    .replaceAll(/([,;:])[,;:]+/g, '$1')
    .replaceAll(/\s+/g, ' ')
    .replace(/^[.,;:!?\s]+/, '')
    .trim();
}
