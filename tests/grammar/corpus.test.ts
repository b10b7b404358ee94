/**
 * Schemas people wrote: GitHub's webhooks and the schema store. Each compiles or is refused with a
 * reason; of those that compile, ten random outputs each have to parse and to satisfy an
 * independent validator.
 * @module-tag slow
 */
import { Validator } from '@cfworker/json-schema';
import { beforeAll, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { compileJsonSchema, GrammarProgram } from '../../engine/grammar/index.ts';
import type { Vocabulary } from '../../engine/grammar/index.ts';
import { seededRandom } from '../support/random.ts';
import { draftOf, storeSchemas, webhookSchemas } from './corpora.ts';
import type { JsonObject } from './corpora.ts';
import { randomWalk, smollm2Vocabulary } from './walks.ts';

const OUTPUTS = 10;

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await smollm2Vocabulary();
});

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
});
