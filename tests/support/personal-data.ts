/** Texts with personal data whose places are known, made from a seed. */
import type { RedactionKind } from '../../worker/serving/redaction/kinds.ts';

export interface PlacedValue {
  readonly kind: RedactionKind;
  readonly value: string;
}

export interface PersonalText {
  readonly text: string;
  readonly values: readonly PlacedValue[];
}

type Random = () => number;

const pick = <T>(random: Random, items: readonly T[]): T =>
  items[Math.floor(random() * items.length)]!;
const digits = (random: Random, n: number): string =>
  Array.from({ length: n }, () => Math.floor(random() * 10)).join('');

/** The first of random candidates that passes. */
function until(make: () => string, passes: (value: string) => boolean): string {
  for (let i = 0; i < 10_000; i++) {
    const value = make();
    if (passes(value)) return value;
  }
  throw new Error('no candidate passes');
}

// Checksums are computed here in another way than in the code that is tested.
function luhnDigit(body: string): string {
  const sum = [...body].reverse().reduce((total, digit, i) => {
    const doubled = i % 2 === 0 ? 2 * Number(digit) : Number(digit);
    return total + Math.floor(doubled / 10) + (doubled % 10);
  }, 0);
  return String((10 - (sum % 10)) % 10);
}

function iban(random: Random): string {
  const [country, make] = pick(random, [
    ['DE', () => digits(random, 18)],
    ['GB', () => `NWBK${digits(random, 14)}`],
    ['FR', () => digits(random, 23)],
    ['NL', () => `ABNA${digits(random, 10)}`],
    ['ES', () => digits(random, 20)],
  ] as const);
  const body = make();
  const numeric = [...`${body}${country}00`]
    .map((char) => (/\d/.test(char) ? char : String(char.charCodeAt(0) - 55)))
    .join('');
  const check = 98n - (BigInt(numeric) % 97n);
  const plain = `${country}${String(check).padStart(2, '0')}${body}`;
  return random() < 0.5 ? plain : plain.replaceAll(/(.{4})(?=.)/g, '$1 ');
}

function nationalId(random: Random): string {
  const mod = (text: string, weights: readonly number[]): number =>
    weights.reduce((sum, weight, i) => sum + weight * Number(text[i]), 0) % 11;
  return pick(random, [
    () =>
      `${100 + Math.floor(random() * 500)}-${10 + Math.floor(random() * 89)}-${1000 + Math.floor(random() * 8999)}`,
    () => {
      const nhs = until(
        () => `9${digits(random, 9)}`,
        (text) => mod(text, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) === 0,
      );
      return `${nhs.slice(0, 3)} ${nhs.slice(3, 6)} ${nhs.slice(6)}`;
    },
    () => {
      const number = digits(random, 8);
      return number + 'TRWAGMYFPDXBNJZSQVHLCKE'[Number(number) % 23]!;
    },
    () => {
      const bsn = until(
        () => `1${digits(random, 8)}`,
        (text) => mod(text, [9, 8, 7, 6, 5, 4, 3, 2, 10]) === 0,
      );
      return `${bsn.slice(0, 4)}.${bsn.slice(4, 6)}.${bsn.slice(6)}`;
    },
    () => {
      const body = `1${digits(random, 8)}`;
      const check = (text: string): string => {
        const n = text.length + 1;
        const rest = [...text].reduce((sum, digit, i) => sum + Number(digit) * (n - i), 0) % 11;
        return String(rest < 2 ? 0 : 11 - rest);
      };
      const one = body + check(body);
      const cpf = one + check(one);
      return `${cpf.slice(0, 3)}.${cpf.slice(3, 6)}.${cpf.slice(6, 9)}-${cpf.slice(9)}`;
    },
  ])();
}

const hex = (random: Random, n: number): string =>
  Array.from({ length: n }, () => Math.floor(random() * 16).toString(16)).join('');
const letters = (random: Random, n: number): string =>
  Array.from({ length: n }, () => pick(random, [...'abcdefghijklmnopqrstuvwxyz'])).join('');

const FIRST = [
  'Anna',
  'Michael',
  'Charlotte',
  'David',
  'Maria',
  'Thomas',
  'Yuki',
  'Priya',
  'Olu',
  'Susan',
];
const LAST = [
  'Miller',
  'van der Berg',
  'Garc\u00eda',
  'O\u2019Neil',
  'Schmidt',
  'Tanaka',
  'Okafor',
  'Smith-Jones',
];

/** How values of each kind are made; some are written as the finders do not expect. */
const MAKERS: Readonly<Record<RedactionKind, (random: Random) => string>> = {
  email: (random) =>
    `${letters(random, 5)}${pick(random, ['.', '_', '+', ''])}${letters(random, 4)}@${letters(random, 6)}.${pick(random, ['com', 'co.uk', 'example.org', 'de', 'museum'])}`,
  phone: (random) =>
    pick(random, [
      () => `+49 ${151 + Math.floor(random() * 20)} ${digits(random, 8)}`,
      () =>
        `+1-${201 + Math.floor(random() * 700)}-${200 + Math.floor(random() * 700)}-${digits(random, 4)}`,
      () =>
        `(${201 + Math.floor(random() * 700)}) ${200 + Math.floor(random() * 700)}-${digits(random, 4)}`,
      () =>
        `0${1 + Math.floor(random() * 9)} ${digits(random, 2)} ${digits(random, 2)} ${digits(random, 2)} ${digits(random, 2)}`,
      () => `020 7${digits(random, 3)} ${digits(random, 4)}`,
      () => `0${30 + Math.floor(random() * 60)}/${digits(random, 7)}`,
      // Seven digits without a word before them.
      () => `${200 + Math.floor(random() * 700)}-${digits(random, 4)}`,
    ])(),
  card: (random) => {
    const body = pick(random, ['4', '51', '37', '6011']);
    const length = body === '37' ? 15 : 16;
    const start = body + digits(random, length - 1 - body.length);
    const number = start + luhnDigit(start);
    return random() < 0.5 || length === 15
      ? number
      : number.replaceAll(/(.{4})(?=.)/g, `$1${pick(random, [' ', '-'])}`);
  },
  iban,
  national_id: nationalId,
  ip: (random) =>
    random() < 0.6
      ? Array.from({ length: 4 }, () => 1 + Math.floor(random() * 254)).join('.')
      : random() < 0.5
        ? Array.from({ length: 8 }, () => hex(random, 4)).join(':')
        : `2001:db8::${hex(random, 4)}:1`,
  url_token: (random) => letters(random, 20),
  secret: (random) =>
    pick(random, [
      () => `sk-${hex(random, 40)}`,
      () => `ghp_${hex(random, 36)}`,
      () => `AKIA${hex(random, 16).toUpperCase()}`,
      () => `thk_${hex(random, 16)}_${hex(random, 43)}`,
    ])(),
  name: (random) => `${pick(random, FIRST)} ${pick(random, LAST)}`,
};

/** Sentences around a value. */
const FRAMES: Readonly<Record<RedactionKind, readonly string[]>> = {
  email: ['Write to %.', 'My address (%) has changed,', 'from <%> on Monday'],
  phone: ['Call me: %.', 'our number is %, ask for the office', 'phone % or fax'],
  card: ['I paid with %.', 'card number % expires soon', 'Karte: %,'],
  iban: ['Transfer it to %.', 'IBAN %, please', 'account % was closed'],
  national_id: ['My number is %.', 'id %, as on the form', 'under % at the office'],
  ip: ['The server % is down.', 'from % at noon', 'host %, port 80'],
  url_token: [
    'Open https://example.org/a?token=%&x=1 now.',
    'see https://api.example.org/v1?api_key=%',
    'at https://example.org/#access_token=%',
  ],
  secret: ['Use the key %.', 'export KEY=% in the shell', 'token: %,'],
  name: ['I met % yesterday.', 'please ask % about it', 'signed by %,'],
};

/** Sentences that hold numbers and words, and nothing personal. */
const PLAIN = [
  'The meeting is on 2024-03-15 at 12:30:45.',
  'It costs 1,234,567.89 dollars in 2023.',
  'Version 10.2.3.4 was released on 01.02.2024.',
  'Order 1234567890123456 has shipped.',
  'Chapter 3.14 begins on page 271828.',
  'The formula is a@b in the notation of the paper.',
  'We sold 4500 units in 12 stores, 300 more than before.',
  'May is warm, and Will you come? Mark my words.',
  'The ratio was 16:9, then 21:9.',
  'See https://example.org/page?id=42&lang=en for more.',
  'The part number is 555-12-9 and the bolt M8x40.',
  'Paris in April, 20 degrees at 48.8566, 2.3522.',
];

export function personalText(random: Random): PersonalText {
  const kinds = Object.keys(MAKERS) as RedactionKind[];
  const values: PlacedValue[] = [];
  const sentences: string[] = [];
  for (let i = 0; i < 6; i++) {
    if (random() < 0.5) {
      sentences.push(pick(random, PLAIN));
      continue;
    }
    const kind = pick(random, kinds);
    const value = MAKERS[kind](random);
    values.push({ kind, value });
    sentences.push(pick(random, FRAMES[kind]).replace('%', () => value));
  }
  return { text: sentences.join(' '), values };
}
