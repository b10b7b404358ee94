/** Single values against cases of a schema, and cases against each other: for enum, const, oneOf. */
import type { Budget } from '../build/budget.ts';
import { ANY_CHARACTER, repeat } from '../build/expression.ts';
import { EXACT_FORMATS } from './formats.ts';
import type { CaseReader } from './schema-cases.ts';
import { itemPlaces, memberPlaces, prefixLength } from './schema-facts.ts';
import type { Facts, JsonType } from './schema-facts.ts';
import { canonical } from './schema-keywords.ts';
import { isObject, memberOf } from './schema-place.ts';
import type { JsonObject, Place } from './schema-place.ts';
import { withLengths } from './schema-strings.ts';
import type { Patterns } from './schema-strings.ts';
import { hasWord, intersection, isNever, textDfa } from '../build/text-dfa.ts';

/** How many levels of required properties are compared to tell two objects apart. */
const MAX_COMPARED_DEPTH = 3;

export class ValueJudge {
  readonly #patterns: Patterns;
  readonly #budget: Budget;
  readonly #reader: () => CaseReader;
  #depth = 0;

  constructor(patterns: Patterns, budget: Budget, reader: () => CaseReader) {
    this.#patterns = patterns;
    this.#budget = budget;
    this.#reader = reader;
  }

  /**
   * Whether `value` satisfies the case. A format of which only some texts are known is assumed to
   * hold: the value stands in the schema, so its author meant it to be valid.
   */
  matches(value: unknown, facts: Facts): boolean {
    this.#budget.spend(2);
    if (!facts.types.has(typeOf(value))) return false;
    if (facts.values !== null && !facts.values.some((v) => canonical(v) === canonical(value)))
      return false;
    if (typeof value === 'number') return isWithin(value, facts);
    if (typeof value === 'string') return this.#matchesString(value, facts);
    if (Array.isArray(value)) return this.#matchesArray(value, facts);
    return isObject(value) ? this.#matchesObject(value, facts) : true;
  }

  /** Whether surely no value satisfies both. */
  readonly excludes = (a: Facts, b: Facts): boolean => {
    if (a.values !== null) return !a.values.some((value) => this.#matchesBoth(value, a, b));
    if (b.values !== null) return !b.values.some((value) => this.#matchesBoth(value, b, a));
    return [...a.types].every((type) => !b.types.has(type) || this.#excludesType(type, a, b));
  };

  #matchesBoth(value: unknown, a: Facts, b: Facts): boolean {
    return this.matches(value, a) && this.matches(value, b);
  }

  #excludesType(type: JsonType, a: Facts, b: Facts): boolean {
    switch (type) {
      case 'integer':
      case 'real':
        return isBefore(a, b) || isBefore(b, a);
      case 'string':
        return this.#excludesStrings(a, b);
      case 'array':
        return below(a.maxItems, b.minItems) || below(b.maxItems, a.minItems);
      case 'object':
        return this.#excludesObjects(a, b);
      default:
        return false;
    }
  }

  #excludesStrings(a: Facts, b: Facts): boolean {
    if (below(a.maxLength, b.minLength) || below(b.maxLength, a.minLength)) return true;
    // A format may have more texts than we know: only patterns can tell.
    if (a.patterns.length === 0 || b.patterns.length === 0) return false;
    const [left, right] = [a, b].map((facts) => this.#patternDfa(facts));
    return isNever(intersection(left!, right!, this.#budget));
  }

  #patternDfa(facts: Facts) {
    const any = textDfa(repeat(ANY_CHARACTER, 0, null), this.#budget);
    const dfa = this.#patterns.contentDfa({ ...facts, formats: [] }) ?? any;
    return withLengths(dfa, facts.minLength, facts.maxLength, this.#budget);
  }

  /** Whether a property that one of them requires is impossible in the other, or cannot have its value. */
  #excludesObjects(a: Facts, b: Facts): boolean {
    if (this.#depth >= MAX_COMPARED_DEPTH) return false;
    this.#depth++;
    try {
      return [...new Set([...a.required, ...b.required])].some((key) => {
        const inA = this.#reader().casesOf(this.#placesOf(a, key));
        const inB = this.#reader().casesOf(this.#placesOf(b, key));
        if (inA.length === 0 || inB.length === 0) return true;
        const inBoth = a.required.includes(key) && b.required.includes(key);
        return inBoth && inA.every((x) => inB.every((y) => this.excludes(x, y)));
      });
    } finally {
      this.#depth--;
    }
  }

  #placesOf({ members }: Facts, key: string): Place[] {
    return memberPlaces(members, key, (pattern, name) => this.#patterns.matches(pattern, name));
  }

  #matchesString(value: string, facts: Facts): boolean {
    const length = [...value].length;
    if (length < facts.minLength || length > (facts.maxLength ?? Infinity)) return false;
    if (!facts.patterns.every((pattern) => this.#patterns.matches(pattern, value))) return false;
    return facts.formats.every((format) => {
      if (!EXACT_FORMATS.has(format)) return true;
      const dfa = this.#patterns.formatDfa(format);
      return dfa === null || hasWord(dfa, value);
    });
  }

  #matchesArray(value: readonly unknown[], facts: Facts): boolean {
    if (value.length < facts.minItems || value.length > (facts.maxItems ?? Infinity)) return false;
    return value.every((item, index) => {
      const rulesIndex = Math.min(index, prefixLength(facts.itemRules));
      return this.#matchesPlaces(item, itemPlaces(facts.itemRules, rulesIndex));
    });
  }

  #matchesObject(value: JsonObject, facts: Facts): boolean {
    const keys = Object.keys(value);
    if (keys.length < facts.minProperties || keys.length > (facts.maxProperties ?? Infinity))
      return false;
    if (!facts.required.every((name) => Object.hasOwn(value, name))) return false;
    return keys.every((key) =>
      this.#matchesPlaces(memberOf(value, key), this.#placesOf(facts, key)),
    );
  }

  #matchesPlaces(value: unknown, places: readonly Place[]): boolean {
    const cases = this.#reader().casesOf(places);
    return cases.some((facts) => this.matches(value, facts));
  }
}

function typeOf(value: unknown): JsonType {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'real';
  if (typeof value === 'boolean' || typeof value === 'string') return typeof value as JsonType;
  return 'object';
}

function isWithin(value: number, { min, max, multiples }: Facts): boolean {
  if (min !== null && (min.exclusive ? value <= min.value : value < min.value)) return false;
  if (max !== null && (max.exclusive ? value >= max.value : value > max.value)) return false;
  return multiples.every((multiple) => value % multiple === 0);
}

/** Whether all numbers of `a` lie below those of `b`. */
function isBefore(a: Facts, b: Facts): boolean {
  if (a.max === null || b.min === null) return false;
  if (a.max.value === b.min.value) return a.max.exclusive || b.min.exclusive;
  return a.max.value < b.min.value;
}

function below(most: number | null, least: number): boolean {
  return most !== null && most < least;
}
