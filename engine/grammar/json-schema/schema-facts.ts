/**
 * What a value has to satisfy in one case of a schema: a schema is a list of such cases (anyOf and
 * oneOf open more, allOf and $ref add to each). Keywords of one type do not bind values of others.
 */
import type { NumberBound } from './json-numbers.ts';
import type { Place } from './schema-place.ts';

/** `real` is a number that need not be an integer. */
export type JsonType = 'null' | 'boolean' | 'integer' | 'real' | 'string' | 'array' | 'object';

export const ALL_TYPES: readonly JsonType[] = [
  'object',
  'array',
  'string',
  'integer',
  'real',
  'boolean',
  'null',
];

/** Names of types in schemas. */
export const TYPE_NAMES: Readonly<Record<string, readonly JsonType[]>> = {
  null: ['null'],
  boolean: ['boolean'],
  integer: ['integer'],
  number: ['integer', 'real'],
  string: ['string'],
  array: ['array'],
  object: ['object'],
};

/** What one schema object says of an object's members. */
export interface MembersRule {
  readonly properties: ReadonlyMap<string, Place>;
  readonly patterns: readonly { readonly pattern: string; readonly place: Place }[];
  /** For members that neither of them names; null allows anything. */
  readonly additional: Place | null;
}

/** What one schema object says of an array's items. */
export interface ItemsRule {
  readonly prefix: readonly Place[];
  readonly items: Place | null;
}

export interface Facts {
  readonly types: ReadonlySet<JsonType>;
  /** Values of enum and const; null allows any. */
  readonly values: readonly unknown[] | null;
  readonly min: NumberBound | null;
  readonly max: NumberBound | null;
  readonly multiples: readonly number[];
  readonly minLength: number;
  readonly maxLength: number | null;
  readonly patterns: readonly string[];
  readonly formats: readonly string[];
  readonly members: readonly MembersRule[];
  readonly required: readonly string[];
  readonly minProperties: number;
  readonly maxProperties: number | null;
  readonly itemRules: readonly ItemsRule[];
  readonly minItems: number;
  readonly maxItems: number | null;
}

export const NO_FACTS: Facts = {
  types: new Set(ALL_TYPES),
  values: null,
  min: null,
  max: null,
  multiples: [],
  minLength: 0,
  maxLength: null,
  patterns: [],
  formats: [],
  members: [],
  required: [],
  minProperties: 0,
  maxProperties: null,
  itemRules: [],
  minItems: 0,
  maxItems: null,
};

export function leastOf(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}

/** The stricter of two bounds; `sign` 1 for minimums, -1 for maximums. */
export function stricter(a: NumberBound | null, b: NumberBound, sign: 1 | -1): NumberBound {
  if (a === null) return b;
  if (a.value === b.value) return a.exclusive ? a : b;
  return sign * (a.value - b.value) > 0 ? a : b;
}

/** Schemas that the member `key` has to satisfy. */
export function memberPlaces(
  rules: readonly MembersRule[],
  key: string,
  matches: (pattern: string, key: string) => boolean,
): Place[] {
  return rules.flatMap(({ properties, patterns, additional }) => {
    const own = properties.get(key);
    const named = [
      ...(own === undefined ? [] : [own]),
      ...patterns.filter(({ pattern }) => matches(pattern, key)).map(({ place }) => place),
    ];
    if (named.length > 0) return named;
    return additional === null ? [] : [additional];
  });
}

/** Schemas that item `index` has to satisfy. */
export function itemPlaces(rules: readonly ItemsRule[], index: number): Place[] {
  return rules.flatMap(({ prefix, items }) => prefix[index] ?? items ?? []);
}

/** Items that are named one by one. */
export function prefixLength(rules: readonly ItemsRule[]): number {
  return Math.max(0, ...rules.map(({ prefix }) => prefix.length));
}

/** Names in the order of the schema, then names that are only required. */
export function memberNames({ members, required }: Facts): string[] {
  return [
    ...new Set([...members.flatMap(({ properties }) => [...properties.keys()]), ...required]),
  ];
}
