/** Constrained decoding: grammars from schemas, patterns and GBNF, and matchers that run them. */
export {
  choiceGrammar,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
  textUntil,
  textWithout,
} from './compose.ts';
export { compileGbnf } from './gbnf.ts';
export type { Grammar } from './grammar.ts';
export { compileJsonSchema } from './json-schema.ts';
export type { JsonSchemaOptions } from './json-schema.ts';
export { JSON_OBJECT_GRAMMAR, MAX_FREE_DEPTH } from './json-text.ts';
export { hasBit } from './masks.ts';
export type { CacheBytes } from './masks.ts';
export { GrammarProgram } from './matcher.ts';
export type { GrammarMatcher } from './matcher.ts';
export { compileRegex } from './regex.ts';
export { Vocabulary } from './vocabulary.ts';
export type { VocabularyParts, VocabularyRows } from './vocabulary.ts';
