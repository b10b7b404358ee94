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

/** @throws {EngineError} E_REQUEST_INVALID naming a parameter */
export function withOwnNames(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const fields = body as Fields;
  const { structured_outputs: structured, ...own } = fields;
  const isStructured = typeof structured === 'object' && structured !== null;
  const made = {
    ...renamed(own, RENAMES, ''),
    ...(isStructured ? renamed(structured as Fields, STRUCTURED, 'structured_outputs.') : {}),
  };
  const names = Object.keys(RENAMES).filter((name) => Object.hasOwn(own, name));
  if (names.length === 0 && !isStructured) return body;
  const rest = Object.entries(own).filter(([name]) => !names.includes(name));
  return { ...made, ...Object.fromEntries(rest) };
}

/** A body in which the first of some names that it has is called by the own name. */
export function withName(body: unknown, names: readonly string[], own: string): unknown {
  if (typeof body !== 'object' || body === null || own in body) return body;
  const name = names.find((one) => Object.hasOwn(body, one));
  if (name === undefined) return body;
  const { [name]: value, ...rest } = body as Record<string, unknown>;
  return { ...rest, [own]: value };
}

function renamed(
  fields: Fields,
  table: Readonly<Record<string, Rename>>,
  path: string,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  for (const [name, rename] of Object.entries(table)) {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (value !== undefined && value !== null) Object.assign(made, rename(value, `${path}${name}`));
  }
  return made;
}

function escaped(text: string): string {
  return text.replaceAll(/[$()*+.?[\\\]^{|}/]/g, String.raw`\$&`);
}
