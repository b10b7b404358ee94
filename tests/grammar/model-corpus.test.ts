/**
 * What a model makes of schemas that people wrote, through the generation loop: one greedy answer and
 * nine at temperature 1.5 of each that compiles. All parse and satisfy an independent validator.
 * @module-tag slow
 */
import { Validator } from '@cfworker/json-schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { compileJsonSchema, GrammarProgram, Vocabulary } from '../../engine/grammar/index.ts';
import type { Grammar } from '../../engine/grammar/index.ts';
import { engineFrom, STORIES_FILE } from '../support/models.ts';
import { GREEDY, request } from '../support/requests.ts';
import { draftOf, storeSchemas, webhookSchemas } from './corpora.ts';
import type { JsonObject } from './corpora.ts';

const OUTPUTS = 10;
/** Room beyond the shortest answer, in tokens. */
const ROOM = 32;
/** This model's context is 512, and its tokens here are single bytes. */
const MAX_SHORTEST = 200;
/** Tokens 3 to 258 stand for single bytes. */
const FIRST_BYTE = 3;
const EOS = 2;

const vocabulary = new Vocabulary({
  nVocab: 512,
  bytesOf: (token) =>
    token >= FIRST_BYTE && token < FIRST_BYTE + 256 ? Uint8Array.of(token - FIRST_BYTE) : null,
  endTokens: [EOS],
});
let engine: Engine;
beforeAll(async () => {
  engine = await engineFrom(STORIES_FILE, 'lossless');
  engine.setVocabulary(vocabulary);
});
afterAll(() => engine.close());

/** Null when it is refused, or its shortest answer is too long for this model. */
function compile(schema: JsonObject): { grammar: Grammar; shortest: number } | null {
  try {
    const grammar = compileJsonSchema(schema, { isClosed: true });
    const shortest = new GrammarProgram(grammar, vocabulary).start().closingLength;
    return shortest > MAX_SHORTEST ? null : { grammar, shortest };
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_REQUEST_INVALID') return null;
    throw error;
  }
}

async function answer(grammar: Grammar, key: string, seed: number, maxTokens: number) {
  const sampling = seed === 0 ? GREEDY : { ...GREEDY, temperature: 1.5, seed };
  const asked = request({ maxTokens, sampling, stopTokens: [EOS], constraint: { grammar, key } });
  const bytes: number[] = [];
  for await (const event of engine.generate(asked, new AbortController().signal))
    if (event.type === 'token') bytes.push(event.token - FIRST_BYTE);
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
}

test('every answer parses and validates, greedy and at temperature 1.5', async () => {
  const schemas = [...webhookSchemas(), ...storeSchemas()];
  const counts = { schemas: schemas.length, asked: 0, answers: 0 };
  const wrong: string[] = [];
  for (const [name, schema] of schemas) {
    const compiled = compile(schema);
    if (compiled === null) continue;
    counts.asked++;
    const validator = new Validator(schema, draftOf(schema), false);
    const room = compiled.shortest + ROOM;
    const seeds = Array.from({ length: OUTPUTS }, (_, seed) => seed);
    const texts = await Promise.all(
      seeds.map((seed) => answer(compiled.grammar, name, seed, room)),
    );
    for (const text of texts) {
      counts.answers++;
      const { valid, errors } = validator.validate(JSON.parse(text));
      if (!valid) wrong.push(`${name}: ${text.slice(0, 200)} ${JSON.stringify(errors.at(-1))}`);
    }
  }
  console.log('asked of the model:', counts);
  expect(wrong).toEqual([]);
  expect(counts.asked).toBeGreaterThan(150);
}, 300_000);
