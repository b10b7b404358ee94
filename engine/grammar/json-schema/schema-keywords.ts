/**
 * The keywords of a schema object, as rows: what each adds to the facts, which only annotate, and
 * which are refused. A keyword without a row is refused by name: nothing that binds is ignored.
 * Read as JSON Schema 2020-12, with the older spellings that mean the same.
 */
import type { Budget } from '../build/budget.ts';
import { MAX_MULTIPLE } from './json-numbers.ts';
import { leastOf, stricter, TYPE_NAMES } from './schema-facts.ts';
import type { Facts, ItemsRule, MembersRule } from './schema-facts.ts';
import { below, isObject, memberOf, refuseAt } from './schema-place.ts';
import type { JsonObject, Place } from './schema-place.ts';

/** The rest of the schema object, and the place that errors point to. */
interface Reading {
  readonly schema: JsonObject;
  /** The schema object's place. */
  readonly place: Place;
  readonly budget: Budget;
  readonly fail: (what: string, fix: string) => Error;
}

type Keyword = (facts: Facts, value: unknown, reading: Reading) => Facts;

const ANNOTATIONS = new Set([
  'title',
  'description',
  'default',
  'examples',
  'example',
  '$schema',
  '$comment',
  '$anchor',
  '$vocabulary',
  '$defs',
  'definitions',
  'deprecated',
  'readOnly',
  'writeOnly',
  'contentEncoding',
  'contentMediaType',
  'strict',
]);
/** Read together with the keyword they belong to, or by `schema-cases.ts`. */
const ELSEWHERE = new Set([
  '$ref',
  '$id',
  'id',
  'allOf',
  'anyOf',
  'oneOf',
  'nullable',
  'patternProperties',
  'additionalProperties',
  'prefixItems',
  'additionalItems',
]);

export const KEYWORDS: Readonly<Record<string, Keyword>> = {
  type: (facts, value, reading) => {
    const names: readonly unknown[] = Array.isArray(value) ? value : [value];
    const types = names.flatMap((name) => {
      const own = typeof name === 'string' ? memberOf(TYPE_NAMES, name) : undefined;
      if (own === undefined)
        throw reading.fail(
          `type ${show(name)} is unknown`,
          `Use ${Object.keys(TYPE_NAMES).join()}.`,
        );
      return own as readonly (keyof typeof TYPE_NAMES)[];
    });
    const allowed = new Set<string>(types);
    if (memberOf(reading.schema, 'nullable') === true) allowed.add('null');
    return { ...facts, types: new Set([...facts.types].filter((type) => allowed.has(type))) };
  },
  enum: (facts, value, { fail }) => {
    if (!Array.isArray(value)) throw fail('enum is not an array', 'List the values.');
    return withValues(facts, value);
  },
  const: (facts, value) => withValues(facts, [value]),
  minimum: (facts, value, reading) =>
    withMinimum(facts, number(value, reading), reading.schema['exclusiveMinimum'] === true),
  maximum: (facts, value, reading) =>
    withMaximum(facts, number(value, reading), reading.schema['exclusiveMaximum'] === true),
  // Draft 4 writes true here and the number into minimum.
  exclusiveMinimum: (facts, value, reading) =>
    typeof value === 'boolean' ? facts : withMinimum(facts, number(value, reading), true),
  exclusiveMaximum: (facts, value, reading) =>
    typeof value === 'boolean' ? facts : withMaximum(facts, number(value, reading), true),
  multipleOf: (facts, value, reading) => {
    const multiple = number(value, reading);
    if (!Number.isInteger(multiple) || multiple < 1 || multiple > MAX_MULTIPLE)
      throw reading.fail(
        `multipleOf ${multiple} is not supported`,
        `Use an integer from 1 to ${MAX_MULTIPLE}.`,
      );
    return { ...facts, multiples: [...facts.multiples, multiple] };
  },
  minLength: (facts, value, reading) => ({
    ...facts,
    minLength: Math.max(facts.minLength, count(value, reading)),
  }),
  maxLength: (facts, value, reading) => ({
    ...facts,
    maxLength: leastOf(facts.maxLength, count(value, reading)),
  }),
  pattern: (facts, value, { fail }) => {
    if (typeof value !== 'string') throw fail('pattern is not a string', 'Write a pattern.');
    return { ...facts, patterns: [...new Set([...facts.patterns, value])] };
  },
  format: (facts, value, { fail }) => {
    if (typeof value !== 'string') throw fail('format is not a string', 'Name a format.');
    return { ...facts, formats: [...new Set([...facts.formats, value])] };
  },
  properties: (facts, _value, reading) => withMembers(facts, reading),
  required: (facts, value, { fail }) => {
    // Draft 3's boolean and OpenAPI's mistakes would bind nothing here.
    if (!Array.isArray(value) || value.some((name) => typeof name !== 'string'))
      throw fail('required is not a list of names', 'List the names of required properties.');
    return { ...facts, required: [...new Set([...facts.required, ...(value as string[])])] };
  },
  minProperties: (facts, value, reading) => ({
    ...facts,
    minProperties: Math.max(facts.minProperties, count(value, reading)),
  }),
  maxProperties: (facts, value, reading) => ({
    ...facts,
    maxProperties: leastOf(facts.maxProperties, count(value, reading)),
  }),
  items: (facts, _value, reading) => withItems(facts, reading),
  minItems: (facts, value, reading) => ({
    ...facts,
    minItems: Math.max(facts.minItems, count(value, reading)),
  }),
  maxItems: (facts, value, reading) => ({
    ...facts,
    maxItems: leastOf(facts.maxItems, count(value, reading)),
  }),
  uniqueItems: (facts, value, { schema, fail }) => {
    const most = memberOf(schema, 'maxItems');
    if (value === false || (typeof most === 'number' && most <= 1)) return facts;
    throw fail(
      'uniqueItems is not supported: items would have to be compared',
      'Leave it out, or bound the array to one item.',
    );
  },
};

/** Adds one schema object's own keywords (not $ref, allOf, anyOf, oneOf) to the facts. */
export function readKeywords(start: Facts, place: Place, budget: Budget): Facts {
  const schema = place.value as JsonObject;
  let facts = start;
  for (const keyword of Object.keys(schema)) {
    if (isAnnotation(keyword) || ELSEWHERE.has(keyword)) continue;
    const read = memberOf(KEYWORDS, keyword) as Keyword | undefined;
    const fail = (what: string, fix: string) => refuseAt(budget, below(place, keyword), what, fix);
    if (read === undefined)
      throw refuseAt(
        budget,
        place,
        `keyword ${JSON.stringify(keyword.slice(0, 80))} is not supported`,
        'Leave it out; docs/structured-output.md lists the keywords that are honoured.',
      );
    facts = read(facts, schema[keyword], { schema, place, budget, fail });
  }
  const reading: Reading = {
    schema,
    place,
    budget,
    fail: (what, fix) => refuseAt(budget, place, what, fix),
  };
  if (!Object.hasOwn(schema, 'properties') && hasAny(schema, MEMBER_KEYWORDS))
    facts = withMembers(facts, reading);
  if (!Object.hasOwn(schema, 'items') && hasAny(schema, ITEM_KEYWORDS))
    facts = withItems(facts, reading);
  return facts;
}

const MEMBER_KEYWORDS = ['patternProperties', 'additionalProperties'];
const ITEM_KEYWORDS = ['prefixItems', 'additionalItems'];

/** `x-` keywords are extensions, which OpenAPI lets anybody add and nobody has to honour. */
function isAnnotation(keyword: string): boolean {
  return ANNOTATIONS.has(keyword) || keyword.startsWith('x-');
}

function hasAny(schema: JsonObject, keywords: readonly string[]): boolean {
  return keywords.some((keyword) => Object.hasOwn(schema, keyword));
}

function withValues(facts: Facts, values: readonly unknown[]): Facts {
  const unique = [...new Map(values.map((value) => [canonical(value), value])).values()];
  if (facts.values === null) return { ...facts, values: unique };
  const known = new Set(facts.values.map(canonical));
  return { ...facts, values: unique.filter((value) => known.has(canonical(value))) };
}

/** Equal values have equal texts, whatever the order of their members. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

function withMinimum(facts: Facts, value: number, exclusive: boolean): Facts {
  return { ...facts, min: stricter(facts.min, { value, exclusive }, 1) };
}

function withMaximum(facts: Facts, value: number, exclusive: boolean): Facts {
  return { ...facts, max: stricter(facts.max, { value, exclusive }, -1) };
}

function withMembers(facts: Facts, { schema, place, fail }: Reading): Facts {
  const properties = memberOf(schema, 'properties') ?? {};
  const patterns = memberOf(schema, 'patternProperties') ?? {};
  if (!isObject(properties) || !isObject(patterns))
    throw fail('properties is not an object', 'Write an object of schemas by name.');
  const rule: MembersRule = {
    properties: new Map(
      Object.keys(properties).map((key) => [key, below(place, 'properties', key)]),
    ),
    patterns: Object.keys(patterns).map((pattern) => ({
      pattern,
      place: below(place, 'patternProperties', pattern),
    })),
    additional: placeOf(schema, place, 'additionalProperties'),
  };
  return { ...facts, members: [...facts.members, rule] };
}

function withItems(facts: Facts, { schema, place }: Reading): Facts {
  // Until 2019-09 an array in items was what prefixItems is now, with additionalItems for the rest.
  const isOld = Array.isArray(memberOf(schema, 'items'));
  const prefixName = isOld ? 'items' : 'prefixItems';
  const prefix = memberOf(schema, prefixName);
  const rule: ItemsRule = {
    prefix: Array.isArray(prefix) ? prefix.map((_, i) => below(place, prefixName, i)) : [],
    items: placeOf(schema, place, isOld ? 'additionalItems' : 'items'),
  };
  return { ...facts, itemRules: [...facts.itemRules, rule] };
}

function placeOf(schema: JsonObject, place: Place, keyword: string): Place | null {
  return Object.hasOwn(schema, keyword) ? below(place, keyword) : null;
}

function number(value: unknown, { fail }: Reading): number {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw fail(`expected a number, got ${show(value)}`, 'Write a number.');
  return value;
}

function count(value: unknown, { fail }: Reading): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0)
    throw fail(`expected a count of 0 or more, got ${show(value)}`, 'Write a whole number.');
  return value;
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 80);
}
