/** Damage to valid inputs: of bytes, of texts, and of JSON values by their structure. */
import { joinBytes } from '../../../engine/base/joined.ts';
import type { Random } from './random.ts';

/** Numbers that readers of files trip over. */
const INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff];
/** Longest input after mutation. */
const MAX_BYTES = 1 << 20;

type ByteStep = (bytes: Uint8Array, random: Random) => Uint8Array;

const BYTE_STEPS: readonly ByteStep[] = [
  // Bits turned.
  (bytes, random) => {
    const copy = bytes.slice();
    for (let n = 1 + random.below(8); n > 0 && copy.length > 0; n--)
      copy[random.below(copy.length)]! ^= 1 << random.below(8);
    return copy;
  },
  // Interesting numbers of 1, 2, 4 or 8 bytes in either order.
  (bytes, random) => {
    const copy = bytes.slice();
    const size = random.pick([1, 2, 4, 8]);
    if (copy.length < size) return copy;
    const at = random.below(copy.length - size + 1);
    const value = BigInt(random.pick(INTERESTING)) << (random.chance(0.1) ? 32n : 0n);
    const isLittle = random.chance(0.5);
    for (let i = 0; i < size; i++)
      copy[at + (isLittle ? i : size - 1 - i)] = Number((value >> BigInt(8 * i)) & 0xffn);
    return copy;
  },
  // Cut off.
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  // A part left out.
  (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    return joinBytes([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  // A part twice, or many times.
  (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    const part = bytes.subarray(from, to);
    const times = random.chance(0.2) ? 1 + random.below(200) : 1;
    const room = Math.max(0, MAX_BYTES - bytes.length);
    const more = Array.from({ length: times }, () => part).slice(
      0,
      part.length === 0 ? 0 : Math.floor(room / part.length),
    );
    return joinBytes([bytes.subarray(0, to), ...more, bytes.subarray(to)]);
  },
  // A part moved onto another.
  (bytes, random) => {
    const copy = bytes.slice();
    const [from, to] = range(bytes.length, random);
    if (copy.length > 0) copy.copyWithin(random.below(copy.length), from, to);
    return copy;
  },
  // Random bytes, or one byte many times.
  (bytes, random) => {
    const [from, to] = range(bytes.length, random);
    const fill = random.chance(0.5) ? random.pick(INTERESTING) & 0xff : null;
    const copy = bytes.slice();
    for (let i = from; i < to; i++) copy[i] = fill ?? random.below(256);
    return copy;
  },
];

export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let result = bytes;
  for (let n = 1 + random.below(4); n > 0; n--) result = random.pick(BYTE_STEPS)(result, random);
  return result;
}

function range(length: number, random: Random): [from: number, to: number] {
  const from = random.below(length + 1);
  const most = random.chance(0.7) ? Math.min(64, length - from) : length - from;
  return [from, from + random.below(most + 1)];
}

/** Pieces of languages and of Unicode that parsers treat in special ways. */
const TOKENS = [
  ...['(', ')', '[', ']', '{', '}', '*', '+', '?', '|', '^', '$', '.', '\\', '"', "'", ',', ':'],
  ...['{1000}', '{0,}', '(?:', '(?=', '(?!', '(?i)', '[^', '\\d', '\\w', '\\s', '\\p{L}', '\\u'],
  ...['\\b', '\\1', '(a+)+', '(x+x+)+y', '.*', '.{99}', '[\\s\\S]', '\\x', '\\u{10ffff}'],
  ...['::=', 'root', '\n', '#', '{{', '}}', '{%', '%}', '{%-', '-%}', ' if ', ' for ', ' in '],
  ...[' endfor ', ' endif ', ' else ', ' set ', ' is ', ' not ', '|', ' ~ ', ' range(9)', '[0]'],
  ...['messages', 'null', 'true', '-1', '1e999', '0.1', '9007199254740993', '$ref', '#/$defs/a'],
  ...['\0', '\u200d', '\u0301', '\ud800', '\udfff', '\ufeff', '\u{1f600}', '\u202e', '\r'],
];

export function mutateText(text: string, random: Random): string {
  let result = text;
  for (let n = 1 + random.below(5); n > 0; n--) {
    const [from, to] = range(result.length, random);
    const kind = random.below(5);
    const part = result.slice(from, to);
    if (kind === 0) result = result.slice(0, from) + result.slice(to);
    else if (kind === 1) result = result.slice(0, to) + part + result.slice(to);
    else if (kind === 2 && part.length * 50 + result.length < MAX_BYTES)
      result = result.slice(0, to) + part.repeat(random.below(50)) + result.slice(to);
    else
      result =
        result.slice(0, from) + tokens(random) + result.slice(random.chance(0.5) ? to : from);
  }
  return result;
}

function tokens(random: Random): string {
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(TOKENS)).join('');
}

/** A text made of tokens alone. */
export function randomText(random: Random, most: number): string {
  return Array.from({ length: random.below(most) + 1 }, () => random.pick(TOKENS)).join('');
}

const VALUES: readonly ((random: Random) => unknown)[] = [
  () => null,
  () => true,
  () => [],
  () => ({}),
  () => '',
  (random) => random.pick([0, -0, 1, -1, 0.5, 1e308, -1e308, 2 ** 53, 2 ** 31, -(2 ** 31)]),
  (random) => randomText(random, 6),
  (random) => 'a'.repeat(random.below(5000)),
  (random) => Array.from({ length: random.below(300) }, () => random.below(9)),
  (random) => nest(random.below(400), random.chance(0.5)),
  (random) => Object.fromEntries(Array.from({ length: random.below(200) }, (_, i) => [`k${i}`, i])),
];

function nest(depth: number, isList: boolean): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = isList ? [value] : { a: value };
  return value;
}

/** A copy with some of its values, names and items changed. */
export function mutateJson(value: unknown, random: Random): unknown {
  const nPlace = countPlaces(value);
  const rate = (1 + random.below(3)) / nPlace;
  return change(value, random, rate);
}

function countPlaces(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, item) => sum + countPlaces(item), 1);
}

function change(value: unknown, random: Random, rate: number): unknown {
  if (random.chance(rate)) return random.pick(VALUES)(random);
  if (typeof value === 'string') return random.chance(rate) ? mutateText(value, random) : value;
  if (Array.isArray(value)) {
    const items: unknown[] = value.map((item) => change(item, random, rate));
    if (items.length > 0 && random.chance(rate)) items.push(...items.slice(0, 50));
    return items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, item]): [string, unknown] => [
    random.chance(rate / 4) ? randomText(random, 2) : key,
    change(item, random, rate),
  ]);
  return Object.fromEntries(entries.filter(() => !random.chance(rate / 4)));
}
