/** Schemas, patterns and grammars that grow. */
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';

const messages = [{ role: 'user', content: 'Hello' }];

/** Each definition holds the next one twice: 2^39 objects in its shortest completion. */
function schemaBomb(): object {
  const $defs: Record<string, unknown> = { d40: { type: 'null' } };
  for (let i = 0; i < 40; i++) {
    const $ref = `#/$defs/d${i + 1}`;
    $defs[`d${i}`] = {
      type: 'object',
      properties: { a: { $ref }, b: { $ref } },
      required: ['a', 'b'],
    };
  }
  return { $ref: '#/$defs/d0', $defs };
}

const bySchema = (name: string, what: string, schema: () => unknown): Attack =>
  bodyAttack({
    name,
    what,
    path: '/v1/chat/completions',
    body: () => ({
      messages,
      max_tokens: 8,
      response_format: { type: 'json_schema', json_schema: { name: 's', schema: schema() } },
    }),
  });

/** A body around a schema that is nested too deep for JSON.stringify. */
const aroundSchema = (schema: string) =>
  `{"messages":[{"role":"user","content":"Hello"}],"max_tokens":8,"response_format":` +
  `{"type":"json_schema","json_schema":{"name":"s","schema":${schema}}}}`;

const nest = (open: string, inner: string, close: string, depth: number) =>
  open.repeat(depth) + inner + close.repeat(depth);

const byField = (field: 'regex' | 'grammar', name: string, source: () => string): Attack =>
  bodyAttack({
    name: `${field}-${name}`,
    what: `a ${field}`,
    path: '/v1/chat/completions',
    body: () => ({ messages, max_tokens: 8, [field]: source() }),
  });

export const FORMATS: readonly Attack[] = [
  bySchema('schema-bomb', 'a schema of 2^39 objects', schemaBomb),
  bodyAttack({
    name: 'schema-deep',
    what: 'a schema nested 100,000 deep',
    path: '/v1/chat/completions',
    body: () => aroundSchema(nest('{"type":"array","items":', '{}', '}', 100_000)),
  }),
  bodyAttack({
    name: 'tool-schema-deep',
    what: "a tool's schema nested 100,000 deep",
    path: '/v1/chat/completions',
    body: () =>
      `{"messages":[{"role":"user","content":"Hello"}],"max_tokens":8,"tools":[{"type":"function","function":` +
      `{"name":"f","parameters":${nest('{"type":"object","properties":{"a":', '{}', '}}', 100_000)}}}]}`,
  }),
  bySchema('schema-wide', '30,000 properties', () => ({
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 30_000 }, (_, i) => [`p${i}`, { type: 'string' }]),
    ),
  })),
  bySchema('schema-enum', '200,000 values', () => ({
    enum: Array.from({ length: 200_000 }, (_, i) => `value ${i}`),
  })),
  bySchema('schema-any-of', '20,000 alternatives', () => ({
    anyOf: Array.from({ length: 20_000 }, (_, i) => ({ const: `x${i}`.repeat(4) })),
  })),
  bySchema('schema-all-of', '2,000 patterns at once', () => ({
    type: 'string',
    allOf: Array.from({ length: 2000 }, (_, i) => ({ pattern: `a{${i}}b*c?` })),
  })),
  bySchema('schema-max-items', 'a billion items', () => ({
    type: 'array',
    items: { type: 'array', items: { type: 'integer' }, minItems: 1000 },
    minItems: 100_000,
    maxItems: 1_000_000_000,
  })),
  bySchema('schema-max-length', 'a string of a million characters', () => ({
    type: 'string',
    minLength: 1_000_000,
    maxLength: 2_000_000,
  })),
  bySchema('schema-pattern', 'a pattern that explodes', () => ({
    type: 'string',
    pattern: '^(a|b)*a(a|b){30}$',
  })),
  bySchema('schema-refs', 'references in circles', () => ({
    $ref: '#/$defs/a',
    $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
  })),
  bySchema('schema-required', '1,000 required of 1,000 optional', () => ({
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`p${i}`, {}])),
    minProperties: 900,
  })),
  bySchema('schema-numbers', 'numbers with long bounds', () => ({
    type: 'array',
    items: Array.from({ length: 500 }, (_, i) => ({
      type: 'integer',
      minimum: -(10 ** 15) + i,
      maximum: 10 ** 15 - i,
      multipleOf: 7,
    })),
  })),
  byField('regex', 'nested-repeats', () => '((((a{1,100}){1,100}){1,100}){1,100}){1,100}'),
  byField('regex', 'deep-groups', () => '('.repeat(49_000) + 'a' + ')'.repeat(49_000)),
  byField('regex', 'subset-explosion', () => '(a|b)*a(a|b){40}'),
  byField('regex', 'classes', () => '[\\p{L}\\p{N}]{1,300}'.repeat(300)),
  byField('regex', 'alternatives', () =>
    Array.from({ length: 12_000 }, (_, i) => `w${i}x`).join('|'),
  ),
  byField('grammar', 'rules', () =>
    [
      'root ::= r0',
      ...Array.from({ length: 4000 }, (_, i) => `r${i} ::= "a" | r${(i + 1) % 4000} "b"`),
    ].join('\n'),
  ),
  byField('grammar', 'deep-groups', () => `root ::= ${'('.repeat(49_000)}"a"${')'.repeat(49_000)}`),
  byField('grammar', 'doubling', () =>
    [
      'root ::= r0',
      ...Array.from({ length: 60 }, (_, i) => `r${i} ::= r${i + 1} r${i + 1}`),
      'r60 ::= "a"',
    ].join('\n'),
  ),
  byField('grammar', 'left-recursion', () => 'root ::= root root | root "a" | ""'),
  byField(
    'grammar',
    'ambiguous',
    () => 'root ::= a a a a a a a a\na ::= "x"* a2 "x"*\na2 ::= "x"* "x"*',
  ),
];
