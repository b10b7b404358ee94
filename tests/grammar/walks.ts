/** The real tokenizer's vocabulary, and seeded walks under a grammar as a sampler would make them. */
import { readGguf } from '../../engine/formats/gguf.ts';
import { GrammarProgram, hasBit, Vocabulary } from '../../engine/grammar/index.ts';
import type { Grammar, GrammarMatcher } from '../../engine/grammar/index.ts';
import { tokenVocabulary } from '../../engine/text/token-vocabulary.ts';
import { tokenizerJsonFromGguf } from '../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { openFileSource } from '../../scripts/lib/file-source.ts';
import { smollm2Gguf } from '../support/models.ts';

/** SmolLM2-135M-Instruct's 49,152 tokens. */
export async function smollm2Vocabulary(): Promise<Vocabulary> {
  await using file = await openFileSource(smollm2Gguf());
  const built = tokenizerJsonFromGguf((await readGguf([file])).metadata);
  const tokenizer = Tokenizer.parse(built.json, built);
  return tokenVocabulary(tokenizer, tokenizer.nVocab);
}

/** A vocabulary of these texts; the last id ends the output. */
export function smallVocabulary(texts: readonly (string | Uint8Array)[]): Vocabulary {
  const encoder = new TextEncoder();
  const words = texts.map((text) => (typeof text === 'string' ? encoder.encode(text) : text));
  return new Vocabulary({
    nVocab: words.length + 1,
    bytesOf: (token) => words[token] ?? null,
    endTokens: [words.length],
  });
}

/** All bytes as tokens. */
export function byteVocabulary(): Vocabulary {
  return smallVocabulary(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)));
}

export interface WalkOptions {
  readonly tokens: number;
  /** How often the next token is the first of the shortest completion. */
  readonly closing: number;
}

/** Bytes of a random output of at most `tokens` tokens. It has to be complete then. */
export function randomWalk(
  program: GrammarProgram,
  random: () => number,
  { tokens, closing }: WalkOptions,
): Uint8Array {
  const { vocabulary } = program;
  const matcher = program.start();
  const bytes: number[] = [];
  for (let left = tokens; left > 0 && !matcher.isComplete; left--) {
    const ends = matcher.canEnd && random() < 0.2;
    if (ends) break;
    const token =
      random() < closing ? matcher.closingToken : pickToken(matcher, vocabulary, random, left);
    if (token === null) break;
    matcher.accept(token);
    bytes.push(...vocabulary.bytesOf(token));
  }
  if (!matcher.canEnd)
    throw new Error(`not complete: ${new TextDecoder().decode(Uint8Array.from(bytes))}`);
  return Uint8Array.from(bytes);
}

/** Some allowed token, from a random place on; the shortest completion's when others do not fit. */
function pickToken(
  matcher: GrammarMatcher,
  { nVocab, endTokens }: Vocabulary,
  random: () => number,
  left: number,
): number | null {
  const mask = matcher.mask();
  for (let attempt = 0; attempt < 4; attempt++) {
    const from = Math.floor(random() * nVocab);
    for (let i = 0; i < nVocab; i++) {
      const token = (from + i) % nVocab;
      if (!hasBit(mask, token)) continue;
      if (!endTokens.includes(token) && matcher.isAllowedWithin(token, left)) return token;
      break;
    }
  }
  return matcher.closingToken;
}

/** Whether the whole text is a word of the grammar. */
export function accepts(grammar: Grammar, text: string): boolean {
  const matcher = new GrammarProgram(grammar, byteVocabulary()).start();
  return matcher.acceptBytes(new TextEncoder().encode(text)) && matcher.canEnd;
}
