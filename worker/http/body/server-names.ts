/**
 * Names that llama.cpp's server and vLLM have for parameters of a generation, as the names of this server's bodies. A
 * body that has the own name, too, keeps that one.
 */
import { invalidField } from '../../platform/invalid-field.ts';
import { parseJson } from './json-body.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What a parameter becomes; nothing for a value that asks for nothing. */
type Rename = (value: unknown, name: string) => Fields;

const as =
  (name: string): Rename =>
  (value) => ({ [name]: value });

const schemaFormat: Rename = (value, name) => ({
  response_format: {
    type: 'json_schema',
    json_schema: { schema: typeof value === 'string' ? parseJson(value, name) : value },
  },
});

const MAX_CHOICES = 1000;

/** @throws {EngineError} E_REQUEST_INVALID */
const choices: Rename = (value, name) => {
  const isList =
    Array.isArray(value) &&
    value.length <= MAX_CHOICES &&
    value.every((one) => typeof one === 'string');
  if (!isList || value.length === 0) throw invalidField(name, `expected 1 to ${MAX_CHOICES} texts`);
  return { regex: `(?:${value.map((text) => escaped(text)).join('|')})` };
};

const RENAMES: Readonly<Record<string, Rename>> = {
  n_predict: (value) => (value === -1 ? {} : { max_tokens: value }),
  repeat_penalty: as('repetition_penalty'),
  guided_json: schemaFormat,
  json_schema: schemaFormat,
  guided_regex: as('regex'),
  guided_grammar: as('grammar'),
  guided_choice: choices,
};

/** Kinds of vLLM's "structured_outputs". */
const STRUCTURED: Readonly<Record<string, Rename>> = {
  json: schemaFormat,
  json_object: (value) => (value === true ? { response_format: { type: 'json_object' } } : {}),
  regex: as('regex'),
  grammar: as('grammar'),
  choice: choices,
};

/** Own fields that ask for a format: a second one contradicts the first. */
const FORMATS: ReadonlySet<string> = new Set(['response_format', 'regex', 'grammar']);

/** @throws {EngineError} E_REQUEST_INVALID naming a parameter */
export function withOwnNames(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { structured_outputs: structured, ...own } = body as Fields;
  const isStructured = typeof structured === 'object' && structured !== null;
  const names = Object.keys(RENAMES).filter((name) => Object.hasOwn(own, name));
  if (names.length === 0 && !isStructured) return body;
  const rest = Object.entries(own).filter(
    ([name, value]) => !names.includes(name) && !(FORMATS.has(name) && isNothing(value)),
  );
  const fields = Object.fromEntries(rest);
  const made: Record<string, unknown> = {};
  const add = (name: string, renamed: Fields): void => {
    for (const [key, value] of Object.entries(renamed)) {
      const isThere = Object.hasOwn(fields, key) || Object.hasOwn(made, key);
      if (isThere && FORMATS.has(key))
        throw invalidField(name, `contradicts ${key}; expected one of them`);
      made[key] = value;
    }
  };
  for (const [name, value] of given(own, RENAMES)) add(name, RENAMES[name]!(value, name));
  if (isStructured) {
    const kinds = structured as Fields;
    refuseUnknownKinds(kinds);
    for (const [kind, value] of given(kinds, STRUCTURED)) {
      const name = `structured_outputs.${kind}`;
      add(name, STRUCTURED[kind]!(value, name));
    }
  }
  return { ...made, ...fields };
}

/** Whether a format's field asks for none. */
function isNothing(value: unknown): boolean {
  return (
    value === null ||
    (typeof value === 'object' && (value as { readonly type?: unknown }).type === 'text')
  );
}

function given(fields: Fields, table: Readonly<Record<string, Rename>>): [string, unknown][] {
  return Object.entries(fields).filter(
    ([name, value]) => Object.hasOwn(table, name) && value !== undefined && value !== null,
  );
}

/** @throws {EngineError} E_REQUEST_INVALID: what was not understood would be an answer without its format */
function refuseUnknownKinds(kinds: Fields): void {
  const kind = Object.keys(kinds).find(
    (name) => !Object.hasOwn(STRUCTURED, name) && kinds[name] !== null && kinds[name] !== false,
  );
  if (kind === undefined) return;
  throw invalidField(
    `structured_outputs.${kind.slice(0, 80)}`,
    `is not supported; expected one of ${Object.keys(STRUCTURED).join(', ')}`,
    { details: { reason: 'unsupported_parameter' } },
  );
}

/** A body in which the first of some names that it has is called by the own name. */
export function withName(body: unknown, names: readonly string[], own: string): unknown {
  if (typeof body !== 'object' || body === null || own in body) return body;
  const name = names.find((one) => Object.hasOwn(body, one));
  if (name === undefined) return body;
  const { [name]: value, ...rest } = body as Record<string, unknown>;
  return { ...rest, [own]: value };
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}/]/g, String.raw`\$&`);
}
