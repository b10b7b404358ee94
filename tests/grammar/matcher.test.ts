/** Matchers over the real vocabulary: masks, forks, plans to the end, tokens that are no text. */
import { beforeAll, expect, test } from 'vitest';
import {
  compileGbnf,
  compileJsonSchema,
  compileRegex,
  GrammarProgram,
  hasBit,
  JSON_OBJECT_GRAMMAR,
} from '../../engine/grammar/index.ts';
import type { Grammar, Vocabulary } from '../../engine/grammar/index.ts';
import { seededRandom } from '../support/random.ts';
import { byteVocabulary, randomWalk, smallVocabulary, smollm2Vocabulary } from './walks.ts';

let vocabulary: Vocabulary;
beforeAll(async () => {
  vocabulary = await smollm2Vocabulary();
});

const PERSON = compileJsonSchema({
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 20 },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    tags: { type: 'array', items: { enum: ['a', 'ab', 'abc'] }, maxItems: 3 },
    note: { type: 'string', pattern: '^[a-z ]+$' },
  },
  required: ['name', 'age'],
  additionalProperties: false,
});
const GRAMMARS: Record<string, Grammar> = {
  person: PERSON,
  object: JSON_OBJECT_GRAMMAR,
  pattern: compileRegex('(ab|a[^x]{3}|日本.*)!'),
  recursive: compileGbnf('root ::= "(" root* ")" | [^()]{1,40} | "[" root "]"'),
};

test('the vocabulary is compact', () => {
  expect(vocabulary.nVocab).toBe(49_152);
  expect(vocabulary.byteLength).toBeLessThan(1024 * 1024);
});

test.each(Object.keys(GRAMMARS))(
  'the mask says what isAllowed says, token for token: %s',
  (name) => {
    const program = new GrammarProgram(GRAMMARS[name]!, vocabulary);
    const random = seededRandom(7);
    for (let walk = 0; walk < 3; walk++) {
      const matcher = program.start();
      for (let step = 0; step < 12 && !matcher.isComplete; step++) {
        const mask = matcher.mask();
        const allowed: number[] = [];
        const wrong: number[] = [];
        for (let token = 0; token < vocabulary.nVocab; token++) {
          const isAllowed = matcher.isAllowed(token);
          if (isAllowed !== hasBit(mask, token)) wrong.push(token);
          if (isAllowed && !vocabulary.endTokens.includes(token)) allowed.push(token);
        }
        expect(wrong).toEqual([]);
        if (allowed.length === 0) break;
        matcher.accept(allowed[Math.floor(random() * allowed.length)]!);
      }
    }
  },
);

test('with exactly as many tokens as the shortest output has, the output is complete', () => {
  for (const [name, grammar] of Object.entries(GRAMMARS)) {
    const program = new GrammarProgram(grammar, vocabulary);
    const shortest = program.start().closingLength;
    for (let extra = 0; extra < 12; extra++) {
      const options = { tokens: shortest + extra, closing: 0 };
      const bytes = randomWalk(program, seededRandom(extra), options);
      const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
      if (name === 'person' || name === 'object') expect(JSON.parse(text)).toBeDefined();
    }
  }
});

test('a token that leaves no room for the end is refused, and the plan shrinks a token at a time', () => {
  const matcher = new GrammarProgram(PERSON, vocabulary).start();
  let left = matcher.closingLength;
  expect(left).toBeGreaterThan(4);
  expect(matcher.isAllowedWithin(matcher.closingToken!, left)).toBe(true);
  expect(matcher.isAllowedWithin(matcher.closingToken!, left - 1)).toBe(false);
  const within = matcher.maskWithin(left);
  expect(hasBit(within, matcher.closingToken!)).toBe(true);
  for (const token of matcher.closing()!) {
    matcher.accept(token);
    left--;
    expect(matcher.closingLength).toBe(left);
  }
  expect(matcher.canEnd && matcher.isComplete).toBe(true);
  expect([...vocabulary.endTokens].every((token) => matcher.isAllowed(token))).toBe(true);
});

test('a fork goes its own way', () => {
  const matcher = new GrammarProgram(compileRegex('abc|abd'), byteVocabulary()).start();
  expect(new TextDecoder().decode(matcher.forced())).toBe('ab');
  matcher.accept(0x61);
  const fork = matcher.fork();
  fork.accept(0x62);
  fork.accept(0x64);
  expect([fork.isComplete, matcher.canEnd]).toEqual([true, false]);
  expect(matcher.isAllowed(0x62)).toBe(true);
  expect(() => matcher.accept(0x63)).toThrow(/not allowed/);
  expect(matcher.isAllowed(0x62)).toBe(true);
  expect(() => matcher.isAllowed(9999)).toThrow(/expected an id below/);
});

test('tokens of broken UTF-8, empty ones and end tokens', () => {
  const texts = ['a', Uint8Array.of(0xff), Uint8Array.of(0xc3), Uint8Array.of(0xa9, 0x22), '', '"'];
  const vocab = smallVocabulary([...texts, Uint8Array.of(0xed, 0xa0, 0x80)]);
  const matcher = new GrammarProgram(compileJsonSchema({ type: 'string' }), vocab).start();
  const allowed = () =>
    Array.from({ length: vocab.nVocab }, (_, token) => token).filter((t) => matcher.isAllowed(t));
  expect(allowed()).toEqual([5]);
  matcher.accept(5);
  expect(allowed()).toEqual([0, 2, 5]);
  matcher.accept(2);
  expect(allowed()).toEqual([3]);
  matcher.accept(3);
  expect(allowed()).toEqual([7]);
});

test('a vocabulary that cannot spell the grammar says so', () => {
  const matcher = new GrammarProgram(compileRegex('ab'), smallVocabulary(['a'])).start();
  expect(matcher.closing()).toBeNull();
  expect(matcher.isAllowedWithin(0, 100)).toBe(false);
});

test('an ambiguous grammar stays bounded and ends', () => {
  const grammar = compileGbnf(
    'root ::= item*\nitem ::= "a" item? | "a" root "b"? | item2\nitem2 ::= "a"+',
  );
  const program = new GrammarProgram(grammar, byteVocabulary());
  const matcher = program.start();
  for (let i = 0; i < 300; i++) matcher.accept(0x61);
  expect(matcher.canEnd).toBe(true);
  expect(matcher.isAllowed(0x62)).toBe(true);
}, 30_000);

test('long outputs do not make what is remembered grow', () => {
  const program = new GrammarProgram(
    compileJsonSchema({ type: 'array', maxItems: 50_000, items: { type: 'integer' } }),
    byteVocabulary(),
  );
  const matcher = program.start();
  const text = new TextEncoder().encode(`[${'12,'.repeat(30_000)}`);
  expect(matcher.acceptBytes(text)).toBe(true);
  expect(program.automaton.remembered.stacks).toBeLessThan(40_000);
  expect(matcher.closingLength).toBe(2);
});
