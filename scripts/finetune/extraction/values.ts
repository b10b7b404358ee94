/** Values of made-up texts: as JSON has them, and as people spell them. */
import type { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';

export type FieldValue = string | number | boolean | readonly string[] | null;

export interface Made {
  readonly json: Exclude<FieldValue, null>;
  readonly spelled: string;
}

/** A kind of value: what a schema says of it, and one of its values. */
export interface ValueKind {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  /** Keywords of the schema beside its type. */
  readonly keywords: Readonly<Record<string, unknown>>;
  readonly make: (random: SeededRandom) => Made;
}

export function pick<T>(random: SeededRandom, items: readonly T[]): T {
  return items[random.integer(0, items.length - 1)]!;
}

const MONTHS =
  'January February March April May June July August September October November December'.split(
    ' ',
  );
const SMALL_NUMBERS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(
  ' ',
);
const GIVEN = (
  'Ada Bruno Carla Dilan Edith Femi Greta Hugo Ines Jonas Kira Liam Mina Noor Otto Pia Quentin Rosa ' +
  'Sven Tara Umar Vera Wim Yara Zoltan Agnes Bela Cora Dario Elif'
).split(' ');
const FAMILY = (
  'Aldermoor Brindlecot Castelnorth Dunwick Estermann Farrowgate Gildersleeve Hollowell Ivarsund ' +
  'Jarnwood Kestrelby Lindqvale Marrowby Nettlefold Oakhanger Pellworm Quillfeather Ravensmoor ' +
  'Sandforth Tarnbeck Underhay Vandermeer Westerlow Yellowlees'
).split(' ');
/** Places; of some there are such, of none does a text say anything true. */
export const PLACES = (
  'Turin,Bergen,Porto,Leeds,Ghent,Malmo,Graz,Lyon,Gdansk,Cork,Basel,Split,Tartu,Bilbao,Utrecht,Brno,' +
  'Galway,Aarhus,Lecce,Ostend,Fernhill,Port Merrow,Stonebridge,Alder Bay,Little Hemming,Kirkdale'
).split(',');

const two = (n: number): string => String(n).padStart(2, '0');

/** A day of the years 2024 to 2029. */
export const date: ValueKind = {
  ...{ type: 'string', keywords: { format: 'date' } },
  make: (random) => {
    const [inYear, month, day] = [
      random.integer(2024, 2029),
      random.integer(1, 12),
      random.integer(1, 28),
    ];
    const name = MONTHS[month - 1]!;
    const spelled = pick(random, [
      `${day} ${name} ${inYear}`,
      `${name} ${day}, ${inYear}`,
      `${ordinal(day)} of ${name} ${inYear}`,
      `${day} ${name.slice(0, 3)} ${inYear}`,
      `${inYear}-${two(month)}-${two(day)}`,
    ]);
    return { json: `${inYear}-${two(month)}-${two(day)}`, spelled };
  },
};

function ordinal(n: number): string {
  const ends: Readonly<Record<number, string>> = { 1: 'st', 2: 'nd', 3: 'rd' };
  const isTeen = n > 10 && n < 14;
  return `${n}${isTeen ? 'th' : (ends[n % 10] ?? 'th')}`;
}

/** A time of the day, in 24 hours. */
export const time: ValueKind = {
  ...{ type: 'string', keywords: { description: 'HH:MM' } },
  make: (random) => {
    const [hour, minute] = [random.integer(6, 22), 5 * random.integer(0, 11)];
    const half = hour < 12 ? 'am' : 'pm';
    const twelve = hour > 12 ? hour - 12 : hour;
    const spelled = pick(random, [
      `${two(hour)}:${two(minute)}`,
      `${twelve}:${two(minute)} ${half}`,
      `${twelve}.${two(minute)} ${half}`,
    ]);
    return { json: `${two(hour)}:${two(minute)}`, spelled };
  },
};

/** An amount, with its currency in the text. */
export function money(min: number, max: number): ValueKind {
  return {
    ...{ type: 'number', keywords: {} },
    make: (random) => {
      const whole = random.integer(min, max);
      const value = random.chance(0.5) ? whole : whole + random.integer(1, 99) / 100;
      const digits = thousands(random, Number.isInteger(value) ? `${value}` : value.toFixed(2));
      const spelled = pick(random, [
        ...[`€${digits}`, `$${digits}`, `£${digits}`],
        ...[`${digits} euros`, `EUR ${digits}`, `${digits} dollars`],
      ]);
      return { json: value, spelled };
    },
  };
}

/** A whole number. */
export function count(min: number, max: number): ValueKind {
  return {
    ...{ type: 'integer', keywords: {} },
    make: (random) => {
      const value = random.integer(min, max);
      const word = SMALL_NUMBERS[value];
      const spelled =
        word !== undefined && random.chance(0.5) ? word : thousands(random, `${value}`);
      return { json: value, spelled };
    },
  };
}

/** A year, which nobody divides into thousands. */
export const year: ValueKind = {
  ...{ type: 'integer', keywords: {} },
  make: (random) => {
    const json = random.integer(1998, 2027);
    return { json, spelled: `${json}` };
  },
};

/** A number with one digit after the point. */
export function decimal(min: number, max: number): ValueKind {
  return {
    ...{ type: 'number', keywords: {} },
    make: (random) => {
      const value = random.integer(min * 10, max * 10) / 10;
      return { json: value, spelled: random.chance(0.3) ? value.toFixed(2) : `${value}` };
    },
  };
}

/** The same number with or without commas between thousands. */
function thousands(random: SeededRandom, digits: string): string {
  return random.chance(0.5) ? digits : digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** Letters and digits that mean nothing. */
export function code(prefix: string): ValueKind {
  return {
    ...{ type: 'string', keywords: {} },
    make: (random) => {
      const json = `${prefix}${random.integer(1000, 99_999)}`;
      return { json, spelled: json };
    },
  };
}

/** One of some texts, as it stands. */
export function oneOf(list: string): ValueKind {
  const items = list.split('|');
  return {
    ...{ type: 'string', keywords: {} },
    make: (random) => {
      const json = pick(random, items);
      return { json, spelled: json };
    },
  };
}

/** One of the values that the schema lists. */
export function choice(list: string): ValueKind {
  const items = list.split('|');
  return {
    ...{ type: 'string', keywords: { enum: items } },
    make: (random) => {
      const json = pick(random, items);
      return { json, spelled: json };
    },
  };
}

/** One to three of some texts. */
export function listOf(list: string): ValueKind {
  const items = list.split('|');
  return {
    ...{ type: 'array', keywords: { items: { type: 'string' } } },
    make: (random) => {
      const json = shuffled(random, items).slice(0, random.integer(1, 3));
      const spelled =
        json.length === 1 ? json[0]! : `${json.slice(0, -1).join(', ')} and ${json.at(-1)}`;
      return { json, spelled };
    },
  };
}

/** Yes or no: the sentence says which. */
export const yesNo: ValueKind = {
  ...{ type: 'boolean', keywords: {} },
  make: (random) => {
    const json = random.chance(0.5);
    return { json, spelled: json ? 'yes' : 'no' };
  },
};

/** A made-up name of a person. */
export const person: ValueKind = {
  ...{ type: 'string', keywords: {} },
  make: (random) => {
    const json = `${pick(random, GIVEN)} ${pick(random, FAMILY)}`;
    return { json, spelled: json };
  },
};

export const place: ValueKind = oneOf(PLACES.join('|'));
