/** Fields of a body that its schema does not know: named in a header, or refused on request. */
import type { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import type { RefusedParameter } from './refused.ts';

/** Header with the names of fields that had no effect, known or not, percent-encoded, separated by commas. */
export const IGNORED_HEADER = 'x-thimble-ignored';
const MAX_NAME_CHARS = 60;
/** Clients reject long headers: names that do not fit are left out. */
const MAX_HEADER_CHARS = 2000;

/** Unknown fields at the top level; unknown fields of nested objects are not reported. */
export function unknownFields(
  body: object,
  schema: z.ZodObject,
  refused: readonly RefusedParameter[],
): string[] {
  const known = new Set([...Object.keys(schema.shape), ...refused.map(({ name }) => name)]);
  return Object.keys(body).filter((name) => !known.has(name));
}

/** @throws {EngineError} E_REQUEST_INVALID when the body says `"strict": true` and fields are unknown. */
export function refuseWhenStrict(body: object, unknown: readonly string[]): void {
  const [first] = unknown;
  if (first === undefined || !('strict' in body) || body.strict !== true) return;
  const shown = first.slice(0, MAX_NAME_CHARS);
  throw invalidField(
    shown,
    `is no parameter of this endpoint; expected it to be absent. ` +
      'Without "strict" it would be ignored',
    { details: { reason: 'unknown_parameter' } },
  );
}

export function ignoredHeader(unknown: readonly string[]): string {
  let header = '';
  for (const name of unknown) {
    const shown = encodeURIComponent(name.slice(0, MAX_NAME_CHARS).toWellFormed());
    const longer = header === '' ? shown : `${header}, ${shown}`;
    if (longer.length > MAX_HEADER_CHARS) break;
    header = longer;
  }
  return header;
}
