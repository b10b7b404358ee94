/** OpenAI's published schemas (tests/golden/openai-schema.json), and what they say of an answer. */
import { Validator } from '@cfworker/json-schema';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../scripts/lib/paths.ts';

type Json = Readonly<Record<string, unknown>>;
interface Operation extends Json {
  /** Names of the request's fields. */
  readonly fields?: readonly string[];
}

const PREFIX = '#/components/schemas/';
const golden = JSON.parse(
  readFileSync(join(repoRoot, 'tests/golden/openai-schema.json'), 'utf8'),
) as {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly schemas: Readonly<Record<string, Json>>;
};

/** By method and path, as `POST /v1/files`. */
export const OPERATIONS = golden.operations;

/** The name of an operation with its path's parts as the server's table names them. */
export const operationKey = (operation: string): string =>
  operation.replaceAll(/\{\w+\}|:\w+/g, '{}');

/**
 * A schema of OpenAPI as one of JSON Schema: `nullable` is a type, `exclusiveMinimum` is the number itself and not a flag
 * of `minimum`, and `oneOf` is `anyOf`, since the published alternatives often include each other (a verbose transcript
 * is a plain one, too).
 */
function asJsonSchema(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(asJsonSchema);
  if (typeof node !== 'object' || node === null) return node;
  const { nullable, discriminator: _, oneOf, ...given } = node as Json;
  const { minimum, exclusiveMinimum, ...others } = given;
  const rest = exclusiveMinimum === true ? { ...others, exclusiveMinimum: minimum } : given;
  const entries = Object.entries(rest).map(([name, value]) => [name, asJsonSchema(value)]);
  const schema = {
    ...(Object.fromEntries(entries) as object),
    ...(Array.isArray(oneOf) ? { anyOf: oneOf.map(asJsonSchema) } : {}),
  };
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

const components = { schemas: asJsonSchema(golden.schemas) };
const validators = new Map<string, Validator>();

function validatorOf(schema: unknown): Validator {
  const key = JSON.stringify(schema);
  const known = validators.get(key);
  if (known !== undefined) return known;
  const whole = { ...(asJsonSchema(schema) as object), components };
  const validator = new Validator(whole, '2020-12', false);
  validators.set(key, validator);
  return validator;
}

/** What is wrong with a value by the schema of that name; nothing when it is valid. */
export function faultsOf(name: string, value: unknown): string[] {
  if (!Object.hasOwn(golden.schemas, name)) throw new Error(`no published schema ${name}`);
  return faults({ $ref: PREFIX + name }, value);
}

/** What is wrong with an answer of an operation by its published schema of that content type. */
export function answerFaults(operation: string, contentType: string, value: unknown): string[] {
  const row = OPERATIONS[operation];
  // The events of completions are answers in parts; their schema is published once.
  const schema = row?.[contentType] ?? row?.['application/json'];
  if (schema === undefined) throw new Error(`${operation}: no published schema of ${contentType}`);
  return faults(schema, value);
}

function faults(schema: unknown, value: unknown): string[] {
  const { valid, errors } = validatorOf(schema).validate(value);
  return valid ? [] : errors.map((one) => `${one.instanceLocation}: ${one.error}`);
}
