/**
 * Times constrained decoding with SmolLM2's tokenizer: compiling, `isAllowed`, masks that are made
 * and masks that are remembered, memory.
 */
import { readGguf } from '../../../engine/formats/gguf.ts';
import {
  compileGbnf,
  compileJsonSchema,
  compileRegex,
  GrammarProgram,
  hasBit,
  JSON_OBJECT_GRAMMAR,
} from '../../../engine/grammar/index.ts';
import type { Grammar, Vocabulary } from '../../../engine/grammar/index.ts';
import { tokenVocabulary } from '../../../engine/text/token-vocabulary.ts';
import { tokenizerJsonFromGguf } from '../../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { pullModel } from '../../pull/pull.ts';

/** Random outputs of each grammar, and the maximum tokens of each. */
const WALKS = 40;
const MAX_TOKENS = 60;
const COMPILES = 9;

const PERSON = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    age: { type: 'integer', minimum: 0, maximum: 150 },
    email: { type: 'string', format: 'email' },
    tags: { type: 'array', items: { type: 'string', maxLength: 16 }, maxItems: 5 },
    address: {
      type: 'object',
      properties: { street: { type: 'string' }, zip: { type: 'string', pattern: '^\\d{5}$' } },
      required: ['street'],
      additionalProperties: false,
    },
  },
  required: ['name', 'age'],
  additionalProperties: false,
};
const TREE = {
  $ref: '#/$defs/node',
  $defs: {
    node: {
      type: 'object',
      properties: {
        label: { type: 'string' },
        children: { type: 'array', items: { $ref: '#/$defs/node' } },
      },
      required: ['label', 'children'],
      additionalProperties: false,
    },
  },
};
const TOOLS = {
  anyOf: Array.from({ length: 100 }, (_, i) => ({
    type: 'object',
    properties: {
      name: { const: `tool_${i}` },
      arguments: {
        type: 'object',
        properties: { query: { type: 'string' }, limit: { type: 'integer' } },
        required: ['query'],
        additionalProperties: false,
      },
    },
    required: ['name', 'arguments'],
    additionalProperties: false,
  })),
};
const ARITHMETIC = `root ::= expr "=" term "\\n"
expr ::= term ([-+*/] term)*
term ::= [a-z]+ | [0-9]+ | "(" expr ")"`;

const CASES: readonly (readonly [string, () => Grammar])[] = [
  ['person', () => compileJsonSchema(PERSON)],
  ['tree (recursive)', () => compileJsonSchema(TREE)],
  ['100 tools', () => compileJsonSchema(TOOLS)],
  ['any object', () => JSON_OBJECT_GRAMMAR],
  ['short string', () => compileJsonSchema({ type: 'string', maxLength: 200 })],
  ['pattern', () => compileRegex('[A-Z]{2}-\\d{4}( [a-z]+){1,5}\\.')],
  ['GBNF arithmetic', () => compileGbnf(ARITHMETIC)],
];

export interface GrammarRow {
  readonly grammar: string;
  readonly compileMs: number;
  readonly grammarBytes: number;
  readonly isAllowedUs: Spread;
  readonly maskMissMs: Spread;
  readonly maskHitUs: Spread;
  readonly cacheBytes: number;
  readonly stacks: number;
  readonly configurations: number;
}

interface Spread {
  readonly median: number;
  readonly p99: number;
}

export interface GrammarBench {
  readonly vocabularyBytes: number;
  readonly rows: readonly GrammarRow[];
}

/** @throws {EngineError} E_SOURCE_UNAVAILABLE when the model's file cannot be had. */
export async function benchGrammars(onNote: (text: string) => void): Promise<GrammarBench> {
  const vocabulary = await openVocabulary();
  onNote(`vocabulary: ${vocabulary.nVocab} tokens in ${vocabulary.byteLength} bytes`);
  const rows = CASES.map(([grammar, compile]) => {
    onNote(grammar);
    return benchGrammar(vocabulary, grammar, compile);
  });
  return { vocabularyBytes: vocabulary.byteLength, rows };
}

async function openVocabulary(): Promise<Vocabulary> {
  await using file = await openFileSource((await pullModel('smollm2-135m-instruct')).path);
  const built = tokenizerJsonFromGguf((await readGguf([file])).metadata);
  const tokenizer = Tokenizer.parse(built.json, built);
  return tokenVocabulary(tokenizer, tokenizer.nVocab);
}

/** Walks random outputs; a third of the tokens are the shortest completion's, so that they end. */
function benchGrammar(vocabulary: Vocabulary, name: string, compile: () => Grammar): GrammarRow {
  const compiles = Array.from({ length: COMPILES }, () => timed(compile).ms);
  const grammar = compile();
  const program = new GrammarProgram(grammar, vocabulary);
  const random = randomNumbers(1);
  const [misses, hits, checks]: [number[], number[], number[]] = [[], [], []];
  for (let walk = 0; walk < WALKS; walk++) {
    const matcher = program.start();
    for (let step = 0; step < MAX_TOKENS && !matcher.isComplete; step++) {
      const before = program.masks.misses;
      const { ms, value: mask } = timed(() => matcher.mask());
      if (program.masks.misses > before) misses.push(ms);
      hits.push(timed(() => matcher.mask()).ms * 1000);
      const candidate = Math.floor(random() * vocabulary.nVocab);
      checks.push(timed(() => matcher.isAllowed(candidate)).ms * 1000);
      const token = random() < 0.33 ? matcher.closingToken : pick(vocabulary, mask, random);
      if (token === null) break;
      checks.push(timed(() => matcher.isAllowedWithin(token, MAX_TOKENS * 4)).ms * 1000);
      matcher.accept(token);
    }
  }
  return {
    grammar: name,
    compileMs: spread(compiles).median,
    grammarBytes: JSON.stringify(grammar).length,
    isAllowedUs: spread(checks),
    maskMissMs: spread(misses),
    maskHitUs: spread(hits),
    cacheBytes: program.masks.bytes,
    ...program.automaton.remembered,
  };
}

function pick(vocabulary: Vocabulary, mask: Uint32Array, random: () => number): number | null {
  const from = Math.floor(random() * vocabulary.nVocab);
  for (let i = 0; i < vocabulary.nVocab; i++) {
    const token = (from + i) % vocabulary.nVocab;
    if (hasBit(mask, token) && !vocabulary.endTokens.includes(token)) return token;
  }
  return null;
}

function timed<T>(work: () => T): { readonly ms: number; readonly value: T } {
  const start = performance.now();
  const value = work();
  return { ms: performance.now() - start, value };
}

function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    Number(
      (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(4),
    );
  return { median: at(0.5), p99: at(0.99) };
}

export function describeGrammars({ rows }: GrammarBench): string {
  return rows.map((row) => `${describe(row)}\n`).join('');
}

function describe(row: GrammarRow): string {
  const { grammar, compileMs, isAllowedUs, maskMissMs, maskHitUs, cacheBytes } = row;
  const show = ({ median, p99 }: Spread) => `${median} (p99 ${p99})`;
  return (
    `${grammar}: compiled in ${compileMs.toFixed(1)} ms to ${row.grammarBytes} bytes; ` +
    `isAllowed ${show(isAllowedUs)} us, mask made in ${show(maskMissMs)} ms, ` +
    `remembered in ${show(maskHitUs)} us; caches ${cacheBytes} bytes, ` +
    `${row.stacks} stacks, ${row.configurations} configurations`
  );
}

/** xorshift: the same walks every time. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
