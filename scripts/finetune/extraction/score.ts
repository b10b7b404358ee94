/** How much of what was to be extracted an answer has. */
import { bootstrap, type Estimate, share } from '../../eval/intervals.ts';
import type { Extracted } from './make.ts';
import type { FieldValue } from './values.ts';

export interface ExtractionScore {
  /** Micro F1 of fields: values other than null, of which one counts when it equals the expected one. */
  readonly fieldF1: Estimate;
  /** Share of objects of which every field is as expected, nulls and all. */
  readonly objects: Estimate;
  /** Share of answers that have a JSON object in them. */
  readonly parsed: Estimate;
}

/** Fields of one object: expected ones, said ones, and those of them that are equal. */
interface Fields {
  readonly nExpected: number;
  readonly nSaid: number;
  readonly nRight: number;
}

export function scoreExtraction(
  answers: readonly string[],
  expected: readonly Extracted[],
): ExtractionScore {
  const objects = answers.map(firstObject);
  const fields = expected.map((one, i) => compare(objects[i] ?? {}, one));
  const nWhole = expected.filter((one, i) => isWhole(objects[i] ?? null, one)).length;
  const nParsed = objects.filter((one) => one !== null).length;
  return {
    fieldF1: bootstrap(fields, f1),
    objects: share(nWhole, expected.length),
    parsed: share(nParsed, expected.length),
  };
}

/** Two times what is right, of what is said and what is expected; 1 where there is neither. */
function f1(fields: readonly Fields[]): number {
  const sum = (name: keyof Fields): number => fields.reduce((n, one) => n + one[name], 0);
  const n = sum('nExpected') + sum('nSaid');
  return n === 0 ? 1 : (2 * sum('nRight')) / n;
}

function compare(said: Readonly<Record<string, unknown>>, expected: Extracted): Fields {
  const has = (value: unknown): boolean => value !== null && value !== undefined;
  const keys = Object.keys(expected).filter((key) => has(expected[key]));
  return {
    nExpected: keys.length,
    nSaid: Object.values(said).filter(has).length,
    nRight: keys.filter((key) => isEqual(said[key], expected[key]!)).length,
  };
}

function isWhole(said: Readonly<Record<string, unknown>> | null, expected: Extracted): boolean {
  if (said === null || Object.keys(said).some((key) => !Object.hasOwn(expected, key))) return false;
  return Object.entries(expected).every(([key, value]) => isEqual(said[key] ?? null, value));
}

/** Values are equal as JSON has them; white space around texts counts nothing. */
function isEqual(said: unknown, expected: FieldValue): boolean {
  if (Array.isArray(expected))
    return (
      Array.isArray(said) &&
      said.length === expected.length &&
      expected.every((one: FieldValue, i) => isEqual(said[i], one))
    );
  return (typeof said === 'string' ? said.trim() : said) === expected;
}

/** Characters of an answer that are looked at. */
const MAX_CHARS = 4000;

/** The first JSON object of an answer, whatever stands around it. */
export function firstObject(said: string): Readonly<Record<string, unknown>> | null {
  const start = said.indexOf('{');
  if (start < 0) return null;
  const text = said.slice(start, start + MAX_CHARS);
  for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}', end + 1)) {
    const found = parsed(text.slice(0, end + 1));
    if (found !== null) return found;
  }
  return null;
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
