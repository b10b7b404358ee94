/**
 * Texts with schemas and what is to be extracted, from templates by a seed. Schemas of some families are never learned from:
 * what is measured are fields, and names of fields together, that training had in no text.
 */
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';
import { DAILY_FAMILIES } from './daily-families.ts';
import type { Family, Field } from './family.ts';
import { HELD_OUT_FAMILIES } from './held-out-families.ts';
import { TRADE_FAMILIES } from './trade-families.ts';
import { date, type FieldValue, type Made, pick, time } from './values.ts';

export interface ObjectSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export type Extracted = Readonly<Record<string, FieldValue>>;

export interface ExtractionItem {
  readonly family: string;
  readonly schema: ObjectSchema;
  readonly text: string;
  /** A value for every property; null for what the text does not say. */
  readonly expected: Extracted;
}

export interface ExtractionOptions {
  /** Rows to learn from. */
  readonly nTrain: number;
  /** Texts to measure on, and others to choose a prompt by, of the families that are held out. */
  readonly nTest: number;
  readonly nChoice: number;
  readonly seed: number;
}

export interface ExtractionData {
  readonly train: readonly ExtractionItem[];
  readonly test: readonly ExtractionItem[];
  readonly choice: readonly ExtractionItem[];
}

/** Some twenty minutes of two cores. */
export const EXTRACTION_DEFAULTS: ExtractionOptions = {
  ...{ nTrain: 2000, nTest: 300, nChoice: 40, seed: 1 },
};
export const LEARNED_FAMILIES: readonly Family[] = [...TRADE_FAMILIES, ...DAILY_FAMILIES];

const MIN_FIELDS = 2;
const MAX_FIELDS = 5;
/** Facts of the same family that a text has beside those that are asked for, at most. */
const MAX_OTHERS = 2;
const NULLABLE_SHARE = 0.6;
const MISSING_SHARE = 0.35;
const FORM_SHARE = 0.3;
const ASIDE_SHARE = 0.35;

/** Sentences of any text that no field asks for. */
const ASIDES: readonly ((random: SeededRandom) => string)[] = [
  () => 'Please keep this for your records.',
  () => 'Have a nice day.',
  () => 'Our office is closed on public holidays.',
  (random) => `Printed on ${date.make(random).spelled}.`,
  (random) => `Our phone is answered until ${time.make(random).spelled}.`,
  (random) => `This is page 1 of ${random.integer(2, 9)}.`,
  (random) => `For questions call extension ${random.integer(100, 999)}.`,
  (random) => `We have been here since ${random.integer(1901, 1999)}.`,
];

/** How a schema writes the words of a name. */
const STYLES: readonly ((words: readonly string[]) => string)[] = [
  (words) => words.join('_'),
  (words) => words.map((word, i) => (i === 0 ? word : capital(word))).join(''),
  (words) => words.join('-'),
  (words) => words.map(capital).join(''),
];

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** The same for the same options; families come in turns. */
export function makeExtraction({
  nTrain,
  nTest,
  nChoice,
  seed,
}: ExtractionOptions): ExtractionData {
  const random = new SeededRandom(seed);
  const known = new Set<string>();
  const items = (families: readonly Family[], n: number): ExtractionItem[] =>
    Array.from({ length: n }, (_, i) => {
      for (;;) {
        const item = makeItem(random, families[i % families.length]!);
        const key = `${item.text}\n${JSON.stringify(item.schema)}`;
        if (known.has(key)) continue;
        known.add(key);
        return item;
      }
    });
  return {
    test: items(HELD_OUT_FAMILIES, nTest),
    choice: items(HELD_OUT_FAMILIES, nChoice),
    train: shuffled(random, items(LEARNED_FAMILIES, nTrain)),
  };
}

interface AskedField {
  readonly field: Field;
  readonly made: Made;
  readonly key: string;
  readonly isNullable: boolean;
  readonly isMissing: boolean;
}

export function makeItem(random: SeededRandom, { name, openings, fields }: Family): ExtractionItem {
  const order = shuffled(random, fields);
  const nAsked = random.integer(MIN_FIELDS, Math.min(MAX_FIELDS, order.length));
  const style = pick(random, STYLES);
  const asked = order.slice(0, nAsked).map((field, i): AskedField => {
    const isNullable = random.chance(NULLABLE_SHARE);
    return {
      ...{ field, made: field.kind.make(random), isNullable },
      key: style(pick(random, field.names).replace(/-/g, ' ').split(' ')),
      // The first one is always said: a text is about something.
      isMissing: i > 0 && isNullable && random.chance(MISSING_SHARE),
    };
  });
  const others = order
    .slice(nAsked, nAsked + random.integer(0, MAX_OTHERS))
    .map((field) => ({ field, made: field.kind.make(random) }));
  const told = shuffled(random, [...asked.filter(({ isMissing }) => !isMissing), ...others]);
  return {
    family: name,
    schema: {
      type: 'object',
      properties: Object.fromEntries(asked.map((one) => [one.key, propertyOf(one)])),
    },
    text: textOf(random, pick(random, openings), told),
    expected: Object.fromEntries(
      asked.map(({ key, made, isMissing }) => [key, isMissing ? null : made.json]),
    ),
  };
}

function propertyOf({ field, isNullable }: AskedField): Record<string, unknown> {
  const { type, keywords } = field.kind;
  const { enum: values, ...others } = keywords as { readonly enum?: readonly string[] };
  if (values !== undefined) return { enum: isNullable ? [...values, null] : values };
  return { type: isNullable ? [type, 'null'] : type, ...others };
}

function textOf(
  random: SeededRandom,
  opening: string,
  told: readonly Pick<AskedField, 'field' | 'made'>[],
): string {
  const aside = random.chance(ASIDE_SHARE) ? [pick(random, ASIDES)(random)] : [];
  if (random.chance(FORM_SHARE)) {
    const lines = told.map(
      ({ field, made }) => `${capital(pick(random, field.names))}: ${made.spelled}`,
    );
    return [opening, ...lines, ...aside].join('\n');
  }
  const sentences = told.map(({ field, made }) => sentenceOf(random, field, made));
  return [opening, ...shuffled(random, [...sentences, ...aside])].join(' ');
}

function sentenceOf(
  random: SeededRandom,
  { says, saysNo }: Field,
  { json, spelled }: Made,
): string {
  if (json === false) return pick(random, saysNo);
  const sentence = pick(random, says).replace('{}', () => spelled);
  // A text stays as it is: what is extracted is what stands there.
  return typeof json === 'string' ? sentence : capital(sentence);
}
