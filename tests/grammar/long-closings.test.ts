/** Outputs that no memory holds are refused by their length, and never written out. */
import { expect, test } from 'vitest';
import { Constraint } from '../../engine/generate/constraint.ts';
import {
  compileGbnf,
  compileJsonSchema,
  compileRegex,
  GrammarProgram,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
} from '../../engine/grammar/index.ts';
import {
  doublingGbnf,
  doublingGrammar,
  doublingSchema,
  millionsSchema,
} from '../support/doubling.ts';
import { byteVocabulary, smallVocabulary } from './walks.ts';

const tooLong = /^x: the shortest output that matches has at least \d+ bytes; expected at most \d+/;

test.each<[string, () => unknown]>([
  ['a schema of 2^39 texts', () => compileJsonSchema(doublingSchema(39), { param: 'x' })],
  ['more than a float counts', () => compileJsonSchema(millionsSchema(60), { param: 'x' })],
  ['a long string', () => compileJsonSchema({ type: 'string', minLength: 1e6 }, { param: 'x' })],
  ['rules that double', () => compileGbnf(doublingGbnf(39), 'x')],
  ['rules past the floats', () => compileGbnf(doublingGbnf(900), 'x')],
  ['nested counts', () => compileGbnf('root ::= ((("a"{1000}){1000}){1000}){1000}', 'x')],
  ['a long pattern', () => compileRegex('a{40000}', 'x')],
  ['parts together', () => repeatGrammar(literalGrammar('a'.repeat(1000)), 50, 60, 'x')],
])('%s is refused where it is compiled', (_, compile) => {
  expect(compile).toThrow(tooLong);
});

test('nested counts of a pattern end with the budget', () => {
  expect(() => compileRegex('(((a{1000}){1000}){1000}){1000}', 'x')).toThrow(/^x: compiling it/);
});

test('many items of one array are measured', () => {
  const prefixItems = Array.from({ length: 500 }, (_, i) => ({ type: 'string', maxLength: i }));
  const grammar = compileJsonSchema({ type: 'array', prefixItems, minItems: 500 });
  expect(grammar.minBytes[grammar.root]).toBe(2 + 500 * 2 + 499);
});

test('a way that is too long is never gone, however many tokens are left', () => {
  const grammar = compileJsonSchema({ anyOf: [{ type: 'null' }, doublingSchema(39)].map(inline) });
  const matcher = new GrammarProgram(grammar, byteVocabulary()).start();
  const [brace, n] = [0x7b, 0x6e];
  expect(matcher.isAllowed(brace)).toBe(true);
  for (const tokensLeft of [4, 1e6, 1e15]) {
    expect(matcher.isAllowedWithin(brace, tokensLeft)).toBe(false);
    expect(matcher.isAllowedWithin(n, tokensLeft)).toBe(true);
  }
  expect([matcher.closingToken, matcher.closingLength]).toEqual([n, 4]);
  matcher.accept(brace);
  expect([matcher.closing(), matcher.closingToken, matcher.closingLength]).toEqual([
    null,
    null,
    Infinity,
  ]);
});

/** References of the inner schema lead to the `$defs` of the outer one. */
function inline(schema: Record<string, unknown>, index: number): Record<string, unknown> {
  const text = JSON.stringify(schema);
  return JSON.parse(text.replaceAll('#/$defs', `#/anyOf/${index}/$defs`)) as typeof schema;
}

test('a generation under such a grammar is refused before it begins', () => {
  const program = (longest: string) =>
    new GrammarProgram(doublingGrammar(39), smallVocabulary(['a', longest]));
  expect(() => new Constraint(program('aaaa'), 100)).toThrow(
    `max_tokens: the shortest output that matches takes at least ${2 ** 37} tokens; expected at ` +
      'least as many, there is room for 100.',
  );
  expect(() => new Constraint(program('aaaa'), 2 ** 38)).toThrow(
    `response_format: the shortest output that matches has ${2 ** 39} bytes; expected at most 32768.`,
  );
});

test('what is just short enough is still planned to the last token', () => {
  const grammar = sequenceGrammar([literalGrammar('a'.repeat(2 ** 15))]);
  const program = new GrammarProgram(grammar, smallVocabulary(['a', 'a'.repeat(64)]));
  expect(program.start().closingLength).toBe(512);
  expect(() => new Constraint(program, 511)).toThrow('takes 512 tokens; expected at least as many');
});
