/**
 * Formats of strings as expressions. Each allows only texts of the format, not always all of them: `email` writes no quoted names, `ipv6` no abbreviations.
 */
import { Budget } from '../build/budget.ts';
import type { Expression } from '../build/expression.ts';
import { parseRegex } from '../regex/regex-parse.ts';

const MONTH_DAY =
  '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))';
const LEAP_YEAR = '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)';
const DATE = `(?:\\d{4}-${MONTH_DAY}|${LEAP_YEAR}-02-29)`;
const CLOCK = '(?:[01]\\d|2[0-3]):[0-5]\\d';
const TIME = `${CLOCK}:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-]${CLOCK})`;
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?';
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = `${OCTET}(?:\\.${OCTET}){3}`;
const HOST = `${LABEL}(?:\\.${LABEL}){0,4}`;
const PATH = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})";

const URI = `[a-z][a-z0-9+.-]{0,15}://${HOST}(?::[1-9]\\d{0,3})?(?:/${PATH}*)?(?:\\?${PATH}*)?(?:#${PATH}*)?`;

/** By name of the format: an ECMAScript pattern of the whole text. */
export const FORMAT_PATTERNS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE}T${TIME}`,
  uuid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  email: `[A-Za-z0-9_+-]{1,30}(?:\\.[A-Za-z0-9_+-]{1,16}){0,2}@${LABEL}(?:\\.${LABEL}){1,3}`,
  ipv4: IPV4,
  ipv6: '[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}',
  hostname: HOST,
  // A URI is one of each of these.
  uri: URI,
  iri: URI,
  'uri-reference': URI,
  'uri-template': URI,
  'json-pointer': '(?:/(?:[A-Za-z0-9_-]|~[01])*)*',
};

/** Formats whose every text can be written: what cannot be written is not of the format. */
export const EXACT_FORMATS: ReadonlySet<string> = new Set(['date', 'uuid', 'ipv4']);

/** Formats of numbers (OpenAPI): which integers, or null for no restriction beyond the type. */
export const NUMBER_FORMATS: Readonly<Record<string, readonly [number, number] | null>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: null,
  float: null,
  double: null,
};

/** @returns null when the format is not known */
export function formatExpression(format: string): Expression | null {
  if (!Object.hasOwn(FORMAT_PATTERNS, format)) return null;
  const whole = `^(?:${FORMAT_PATTERNS[format]!})$`;
  return parseRegex(whole, new Budget(`format ${format}`));
}
