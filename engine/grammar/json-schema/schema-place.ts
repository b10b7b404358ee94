/** Places in a schema: a value with its JSON pointer, and where local references lead. */
import { refuse } from '../build/budget.ts';
import type { Budget } from '../build/budget.ts';

/** Values in a schema, all levels together. */
export const MAX_SCHEMA_VALUES = 100_000;
/** Deepest nesting of a schema's JSON. */
export const MAX_SCHEMA_DEPTH = 128;

export interface Place {
  readonly value: unknown;
  /** JSON pointer (RFC 6901) from the root of the schema; names the place in errors, too. */
  readonly pointer: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own member of `object`, not one that JavaScript's objects inherit. */
export function memberOf(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function below(place: Place, ...keys: readonly (string | number)[]): Place {
  let { value, pointer } = place;
  for (const key of keys) {
    if (Array.isArray(value)) value = (value as unknown[])[Number(key)];
    else value = isObject(value) ? memberOf(value, String(key)) : undefined;
    pointer += `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;
  }
  return { value, pointer };
}

/** The error for one place of a schema. */
export function refuseAt(budget: Budget, place: Place, what: string, fix: string): Error {
  return refuse(budget.param, `schema at ${place.pointer || '/'}: ${what}`, fix);
}

/** @throws {EngineError} E_REQUEST_INVALID when the schema is too large or too deep */
export function checkSchemaSize(schema: unknown, budget: Budget): void {
  let count = 0;
  let level: unknown[] = [schema];
  for (let depth = 0; level.length > 0; depth++) {
    count += level.length;
    if (depth > MAX_SCHEMA_DEPTH)
      throw refuse(
        budget.param,
        `the schema is nested deeper than ${MAX_SCHEMA_DEPTH} levels`,
        'Put inner parts into $defs and refer to them.',
      );
    if (count > MAX_SCHEMA_VALUES)
      throw refuse(
        budget.param,
        `the schema has more than ${MAX_SCHEMA_VALUES} values`,
        'Split it or leave parts out.',
      );
    level = level.flatMap((value): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
}

/**
 * @throws {EngineError} E_REQUEST_INVALID when the reference is remote, by anchor, or leads nowhere
 */
export function resolveReference(root: Place, place: Place, budget: Budget): Place {
  const reference = String(place.value);
  const rootId = isObject(root.value) ? memberOf(root.value, '$id') : undefined;
  const own = typeof rootId === 'string' ? rootId.replace(/#$/, '') : '';
  const local = own !== '' && reference.startsWith(own) ? reference.slice(own.length) : reference;
  if (local === '' || local === '#') return root;
  if (!local.startsWith('#/'))
    throw refuseAt(
      budget,
      place,
      `$ref ${JSON.stringify(reference.slice(0, 200))} is not a local pointer`,
      'Put the schema into $defs and refer to it as "#/$defs/name".',
    );
  const found = below(root, ...readPointer(local.slice(2)));
  if (found.value === undefined)
    throw refuseAt(
      budget,
      place,
      `$ref ${JSON.stringify(reference.slice(0, 200))} leads nowhere`,
      'Point it to a schema within this one.',
    );
  return found;
}

function readPointer(pointer: string): string[] {
  return pointer.split('/').map((key) => {
    const plain = /%(?![0-9A-Fa-f]{2})/.test(key) ? key : safeDecode(key);
    return plain.replaceAll('~1', '/').replaceAll('~0', '~');
  });
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
