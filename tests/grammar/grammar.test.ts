/** Grammars by example: what each front end accepts, and what it refuses with which words. */
import { expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import {
  choiceGrammar,
  compileGbnf,
  compileJsonSchema,
  compileRegex,
  JSON_OBJECT_GRAMMAR,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
  textUntil,
  textWithout,
} from '../../engine/grammar/index.ts';
import type { Grammar } from '../../engine/grammar/index.ts';
import { MAX_TRAIL } from '../../engine/grammar/json-schema/schema-cases.ts';
import { accepts } from './walks.ts';

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_REQUEST_INVALID') return error.message;
    throw error;
  }
  return 'accepted';
}

function sorted(grammar: Grammar, texts: readonly string[]): string[] {
  return texts.filter((text) => accepts(grammar, text));
}

test.each<[string, unknown, string[], string[]]>([
  ['const', { const: { b: 1, a: [null] } }, ['{"b":1,"a":[null]}'], ['{"a":[null],"b":1}', '1']],
  ['numbers', { type: 'number' }, ['0', '-0.5', '1e5', '2.5E-7'], ['01', '.5', '1.', '+1', 'NaN']],
  [
    'bounds',
    { type: 'number', minimum: -1.5, exclusiveMaximum: 2 },
    ['-1.5', '-1.49', '0', '1.999', '-0'],
    ['-1.51', '2', '2.0', '-2', '10'],
  ],
  [
    'tiny bounds',
    { type: 'number', exclusiveMinimum: 0, maximum: 0.025 },
    ['0.001', '0.025', '0.0250'],
    ['0', '0.0', '0.026', '-0.01', '1'],
  ],
  [
    'integers',
    { type: 'integer', minimum: -12, maximum: 105 },
    ['-12', '-9', '0', '99', '105'],
    ['-13', '106', '1000', '1.0', '-0'],
  ],
  ['multiples', { type: 'number', multipleOf: 12 }, ['0', '-24', '144'], ['6', '13', '1.2']],
  [
    'code points',
    { type: 'string', minLength: 2, maxLength: 2 },
    ['"ab"', '"\u{1f600}é"', '"\\n\\ud83d\\ude00"'],
    ['"a"', '"abc"', '"\\ud83d"'],
  ],
  ['pattern is not anchored', { type: 'string', pattern: 'b+' }, ['"abbc"', '"b"'], ['"ac"']],
  [
    'pattern with length',
    { pattern: '^a*$', type: 'string', minLength: 2, maxLength: 3 },
    ['"aa"', '"aaa"'],
    ['"a"', '"aaaa"', '"ab"'],
  ],
  [
    'escapes in patterns',
    { type: 'string', pattern: '^[\\n"]$' },
    ['"\\n"', '"\\""'],
    ['"n"', '"\\u000a"'],
  ],
  [
    'no half pairs',
    { type: 'string' },
    ['"\\u00e9"', '"\\ud83d\\ude00"'],
    ['"\\ud83d"', '"\\ude00"', '"\n"', '"\\x"', '"\u0001"'],
  ],
  [
    'date',
    { type: 'string', format: 'date' },
    ['"2024-02-29"', '"2023-12-31"'],
    ['"2023-02-29"', '"1900-02-29"', '"2023-13-01"'],
  ],
  [
    'date-time',
    { type: 'string', format: 'date-time' },
    ['"2024-02-29T23:59:59.5Z"', '"2024-01-01T00:00:00+01:30"'],
    ['"2024-01-01"', '"2024-01-01T24:00:00Z"'],
  ],
  [
    'ipv4',
    { type: 'string', format: 'ipv4' },
    ['"0.255.10.1"'],
    ['"256.1.1.1"', '"1.1.1"', '"01.1.1.1"'],
  ],
  [
    'properties in order',
    {
      type: 'object',
      properties: { a: { type: 'integer' }, b: { type: 'null' } },
      required: ['b'],
      additionalProperties: false,
    },
    ['{"a":1,"b":null}', '{"b":null}', '{"a": 1, "b": null}'],
    ['{"a":1}', '{"b":null,"a":1}', '{"b":null,}', '{ "b":null}', '{"a":1,  "b":null}'],
  ],
  [
    'others differ from declared',
    {
      type: 'object',
      properties: { ab: { type: 'null' } },
      additionalProperties: { type: 'integer' },
    },
    ['{"ab":null,"a":1,"abc":2}', '{}'],
    ['{"ab":1}', '{"\\u0061b":1}', '{"a":null}'],
  ],
  [
    '__proto__',
    {
      type: 'object',
      properties: JSON.parse(
        '{"__proto__":{"type":"integer"},"constructor":{"type":"null"}}',
      ) as object,
      required: ['__proto__'],
      additionalProperties: false,
    },
    ['{"__proto__":1}', '{"__proto__":1,"constructor":null}'],
    ['{}', '{"__proto__":"a"}', '{"toString":1}'],
  ],
  [
    'patternProperties',
    {
      type: 'object',
      patternProperties: { '^i': { type: 'integer' }, '^s': { type: 'string' } },
      additionalProperties: false,
    },
    ['{"i1":1,"s":"x"}', '{}'],
    ['{"i":"x"}', '{"x":1}'],
  ],
  [
    'minProperties',
    {
      type: 'object',
      properties: { a: true, b: true },
      minProperties: 1,
      maxProperties: 1,
      additionalProperties: false,
    },
    ['{"a":1}', '{"b":[]}'],
    ['{}', '{"a":1,"b":1}'],
  ],
  [
    'prefixItems',
    {
      type: 'array',
      prefixItems: [{ type: 'integer' }, { type: 'null' }],
      items: { type: 'string' },
      minItems: 1,
      maxItems: 3,
    },
    ['[1]', '[1,null]', '[1,null,"x"]'],
    ['[]', '["x"]', '[1,"x"]', '[1,null,"x","y"]'],
  ],
  [
    'item counts',
    { type: 'array', items: { type: 'integer' }, minItems: 2, maxItems: 3 },
    ['[1,2]', '[1, 2,3]'],
    ['[1]', '[1,2,3,4]', '[1,,2]'],
  ],
  [
    'allOf merges',
    {
      allOf: [
        { type: 'object', properties: { a: { minimum: 1 } }, required: ['a'] },
        { properties: { a: { type: 'integer', maximum: 2 } }, additionalProperties: false },
      ],
    },
    ['{"a":1}', '{"a":2}'],
    ['{"a":3}', '{}', '{"a":1,"b":1}'],
  ],
  [
    'anyOf beside properties',
    {
      type: 'object',
      properties: { k: {} },
      anyOf: [
        { properties: { k: { const: 1 } }, required: ['k'] },
        { properties: { k: { const: 2 } }, required: ['k'] },
      ],
      additionalProperties: false,
    },
    ['{"k":1}', '{"k":2}'],
    ['{"k":3}', '{}'],
  ],
  [
    'enum within bounds',
    { enum: [1, 2, 'x', null], type: 'integer', minimum: 2 },
    ['2'],
    ['1', '"x"', 'null'],
  ],
  [
    'const of a format',
    { type: 'string', format: 'uri-template', const: '/a{/b}' },
    ['"/a{/b}"'],
    ['"/a"'],
  ],
  [
    'enum of a format',
    { format: 'date', enum: ['2023-02-30', '2023-02-28'] },
    ['"2023-02-28"'],
    ['"2023-02-30"'],
  ],
  ['nullable', { type: 'string', enum: ['a', null], nullable: true }, ['"a"', 'null'], ['1']],
  ['type lists', { type: ['string', 'null'], maxLength: 1 }, ['null', '"a"'], ['"ab"', '1']],
  [
    'recursion',
    {
      $ref: '#/$defs/t',
      $defs: {
        t: {
          anyOf: [{ type: 'null' }, { type: 'array', items: { $ref: '#/$defs/t' }, maxItems: 2 }],
        },
      },
    },
    ['null', '[null,[[]]]'],
    ['[1]', '[null,null,null]'],
  ],
])('schema: %s', (_name, schema, inside, outside) => {
  const grammar = compileJsonSchema(schema);
  expect(sorted(grammar, inside)).toEqual(inside);
  expect(sorted(grammar, outside)).toEqual([]);
  // It crosses isolates as JSON.
  expect(JSON.parse(JSON.stringify(grammar))).toEqual(grammar);
});

test.each<[string, unknown, RegExp]>([
  ['not', { not: {} }, /"not" is not supported/],
  ['if', { type: 'object', if: {}, then: {} }, /"if" is not supported/],
  [
    'a deep keyword',
    { properties: { a: { items: { contains: {} } } } },
    /\/properties\/a\/items: keyword "contains"/,
  ],
  ['a misspelt keyword', { type: 'string', maxlength: 3 }, /"maxlength" is not supported/],
  ['constructor', { constructor: 1 }, /"constructor" is not supported/],
  ['uniqueItems', { type: 'array', uniqueItems: true }, /uniqueItems/],
  ['multipleOf', { type: 'number', multipleOf: 0.01 }, /multipleOf 0.01/],
  ['format', { type: 'string', format: 'color' }, /format "color" is not supported/],
  [
    'oneOf',
    { oneOf: [{ type: 'integer' }, { type: 'number' }] },
    /branches 0 and 1 may both match/,
  ],
  ['remote $ref', { $ref: 'https://example.com/s.json' }, /not a local pointer/],
  ['missing $ref', { $ref: '#/$defs/x' }, /leads nowhere/],
  ['$ref to itself', { $ref: '#' }, /leads back to itself/],
  [
    'recursion without base',
    { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] },
    /refers to itself without end/,
  ],
  ['contradiction', { type: 'integer', minimum: 3, maximum: 2 }, /contradict/],
  ['contradicting types', { allOf: [{ type: 'integer' }, { type: 'string' }] }, /contradict/],
  [
    'required but forbidden',
    { type: 'object', required: ['a'], properties: { a: false } },
    /contradict/,
  ],
  ['false', false, /contradict/],
  ['lookahead', { type: 'string', pattern: '(?=a)' }, /lookahead/],
  ['backreference', { type: 'string', pattern: '(a)\\1' }, /backreference/],
  ['a number', 3, /expected a schema/],
  [
    'overlapping patterns',
    { type: 'object', patternProperties: { a: {}, b: {} } },
    /can match the same name/,
  ],
])('schema refused: %s', (_name, schema, words) => {
  expect(refusal(() => compileJsonSchema(schema))).toMatch(words);
});

test.each<[string, () => unknown, RegExp]>([
  ['an exponential pattern', () => compileRegex('(.{1,1000}){1,1000}'), /steps/],
  ['nested counts', () => compileRegex('((((a{1,99}){1,99}){1,99}){1,99})'), /steps/],
  ['states without number', () => compileRegex('(a|b)*a(a|b){40}'), /steps|numbers/],
  [
    'a pattern in a schema',
    () => compileJsonSchema({ type: 'string', pattern: '(x{1,999}y){1,999}' }),
    /steps/,
  ],
  ['a deep schema', () => compileJsonSchema(nested(10_000)), /nested deeper/],
  [
    'more members than can be',
    () =>
      compileJsonSchema({
        type: 'object',
        properties: { a: {} },
        additionalProperties: false,
        minProperties: 2 ** 53,
      }),
    /steps/,
  ],
  [
    'a wide schema',
    () => compileJsonSchema({ enum: Array.from({ length: 200_000 }, (_, i) => i) }),
    /more than/,
  ],
  [
    'many properties',
    () => compileJsonSchema({ type: 'object', properties: manyProperties(5000) }),
    /at most 1000/,
  ],
  [
    'cases of cases',
    () =>
      compileJsonSchema({
        allOf: Array.from({ length: 20 }, (_, i) => ({
          anyOf: [{ minLength: i }, { maxLength: 50 + i }, { pattern: `${i}` }],
        })),
      }),
    /cases|steps/,
  ],
  ['groups', () => compileRegex('('.repeat(5000)), /characters|nested/],
  ['GBNF groups', () => compileGbnf(`root ::= ${'('.repeat(5000)}`), /within each other/],
  ['left recursion', () => compileGbnf('root ::= root "a" | "b"'), /left recursion/],
  [
    'hidden left recursion',
    () => compileGbnf('root ::= x root "a" | "b"\nx ::= "c"?'),
    /left recursion/,
  ],
  ['an undefined rule', () => compileGbnf('root ::= "a" expr'), /rule expr is not defined/],
  ['no root', () => compileGbnf('main ::= "a"'), /without a rule root/],
  ['a mistake', () => compileGbnf('root ::= "a\n'), /line 1/],
  ['no base', () => compileGbnf('root ::= "a" root'), /no finite text/],
])('refused: %s', (_name, work, words) => {
  expect(refusal(work)).toMatch(words);
});

test('patterns mean the whole output', () => {
  const grammar = compileRegex('(?<year>\\d{4})-(0[1-9]|1[0-2])|n/?a+?');
  expect(sorted(grammar, ['2024-01', 'na', 'n/aaa', '2024-13', 'x2024-01', 'n/'])).toEqual([
    '2024-01',
    'na',
    'n/aaa',
  ]);
  expect(
    sorted(compileRegex('[^\\W\\d_]\\u00e9[\\u{1f600}-\\u{1f64f}]?$'), ['aé', 'aé😀', '1é']),
  ).toEqual(['aé', 'aé😀']);
});

test('GBNF as llama.cpp writes it', () => {
  const grammar = compileGbnf(`# a calculator
root  ::= (expr "=" ws term "\\n"){1,2}
expr  ::= term ([-+*/] term)*
term  ::= ident | num |
  ( "(" ws expr
    ")" ws )
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \\t\\n]*`);
  const inside = ['x1 +(2*y)=3\n', '1=1\na=b\n'];
  expect(sorted(grammar, [...inside, '1=1', '=1\n', 'A=1\n'])).toEqual(inside);
  expect(
    sorted(compileGbnf('root ::= [^a-z\\n] "é" . "\\x41"'), ['1éxA', 'aéxA', '日é\nA']),
  ).toEqual(['1éxA', '日é\nA']);
});

test('json_object is any object, nested so deep', () => {
  const nestedObject = (depth: number) => '{"a":'.repeat(depth) + '{}' + '}'.repeat(depth);
  expect(accepts(JSON_OBJECT_GRAMMAR, '{"a": [1, {"b":null}],"c":"\\u00e9"}')).toBe(true);
  expect(accepts(JSON_OBJECT_GRAMMAR, nestedObject(15))).toBe(true);
  expect(accepts(JSON_OBJECT_GRAMMAR, nestedObject(17))).toBe(false);
  expect(accepts(JSON_OBJECT_GRAMMAR, '[1]')).toBe(false);
});

test('tool calls: free text, then calls, a thousand tools', () => {
  const call = (name: string) =>
    sequenceGrammar([
      literalGrammar(`<tool_call>\n{"name": "${name}", "arguments": `),
      compileJsonSchema({
        type: 'object',
        properties: { q: { type: 'string' } },
        required: ['q'],
        additionalProperties: false,
      }),
      literalGrammar('}\n</tool_call>\n'),
    ]);
  const calls = choiceGrammar(Array.from({ length: 1000 }, (_, i) => call(`tool_${i}`)));
  const grammar = choiceGrammar([
    textWithout(['<tool_call>']),
    sequenceGrammar([textWithout(['<tool_call>']), repeatGrammar(calls, 1, null)]),
  ]);
  const one = '<tool_call>\n{"name": "tool_999", "arguments": {"q":"x"}}\n</tool_call>\n';
  const inside = ['', 'Hello <tool', one, `Let me see. ${one}${one}`];
  const outside = [
    '<tool_call>',
    `${one} and`,
    one.replace('999', '1000'),
    one.replace('"q"', '"r"'),
  ];
  expect(sorted(grammar, inside)).toEqual(inside);
  expect(sorted(grammar, outside)).toEqual([]);
  expect(sorted(textUntil(['ab', 'bc']), ['xab', 'abc', 'xbab', 'é bc'])).toEqual([
    'xab',
    'xbab',
    'é bc',
  ]);
});

function nested(depth: number): unknown {
  let schema: unknown = { type: 'null' };
  for (let i = 0; i < depth; i++) schema = { type: 'array', items: schema };
  return schema;
}

function manyProperties(count: number): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, { type: 'null' }]));
}

/** Definitions that refer to the next, `n` schemas altogether. */
const chain = (n: number) => ({
  $ref: '#/$defs/d1',
  $defs: Object.fromEntries(
    Array.from({ length: n - 1 }, (_, i) => [
      `d${i + 1}`,
      i === n - 2 ? { type: 'null' } : { $ref: `#/$defs/d${i + 2}` },
    ]),
  ),
});

test('a chain of references is followed up to a bound', () => {
  expect(accepts(compileJsonSchema(chain(MAX_TRAIL)), 'null')).toBe(true);
  expect(refusal(() => compileJsonSchema(chain(MAX_TRAIL + 1)))).toMatch(/lead to one another/);
  expect(refusal(() => compileJsonSchema(chain(10_000)))).toMatch(/lead to one another/);
});
