/**
 * Merges the values that the pieces of a text gave, in their order. Objects are merged member
 * by member, arrays are joined without duplicates, and of other values the first that
 * is not empty stays. A piece whose data would break the schema is left out.
 */
import { type Grammar, GrammarProgram, Vocabulary } from '../../../engine/grammar/index.ts';

export type JsonJudge = (value: unknown) => boolean;

type JsonObject = Readonly<Record<string, unknown>>;

export interface Merged {
  readonly data: unknown;
  readonly nLeftOut: number;
}

/** @param values at least one; each satisfies the judge */
export function mergeJson(values: readonly unknown[], judge: JsonJudge): Merged {
  let [data] = values;
  let nLeftOut = 0;
  for (const value of values.slice(1)) {
    const merged = mergeTwo(data, value);
    if (judge(merged)) data = merged;
    else nLeftOut++;
  }
  return { data, nLeftOut };
}

function mergeTwo(a: unknown, b: unknown): unknown {
  if (Array.isArray(a) && Array.isArray(b)) return mergeArrays(a, b);
  if (isObject(a) && isObject(b)) return mergeObjects(a, b);
  return saysNothing(a) ? b : a;
}

function mergeArrays(a: readonly unknown[], b: readonly unknown[]): unknown[] {
  const seen = new Set(a.map((item) => JSON.stringify(item)));
  const isNew = (item: unknown): boolean => {
    const key = JSON.stringify(item);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  };
  return [...a, ...b.filter(isNew)];
}

/** Members that only `b` has come last; the judge decides whether the schema allows that. */
function mergeObjects(a: JsonObject, b: JsonObject): JsonObject {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  const merged = [...names].map((name): [string, unknown] => {
    if (!Object.hasOwn(a, name)) return [name, b[name]];
    return [name, Object.hasOwn(b, name) ? mergeTwo(a[name], b[name]) : a[name]];
  });
  return Object.fromEntries(merged);
}

function saysNothing(value: unknown): boolean {
  return value === null || (typeof value === 'string' && value.trim() === '');
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Judges whether a grammar matches a value's JSON. Members must be in the schema's order. */
export function jsonJudge(grammar: Grammar): JsonJudge {
  const program = new GrammarProgram(grammar, BYTES);
  return (value) => {
    const matcher = program.start();
    return matcher.acceptBytes(new TextEncoder().encode(JSON.stringify(value))) && matcher.canEnd;
  };
}

const BYTE_VALUES = 256;
/** A token per byte, and an end token. */
const BYTES = new Vocabulary({
  nVocab: BYTE_VALUES + 1,
  bytesOf: (token) => (token < BYTE_VALUES ? Uint8Array.of(token) : null),
  endTokens: [BYTE_VALUES],
});
