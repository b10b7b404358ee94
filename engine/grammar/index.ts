/** Constrained decoding: grammars from schemas, patterns and GBNF, and matchers that run them. */
export {
  choiceGrammar,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
  textUntil,
  textWithout,
} from './build/compose.ts';
export { compileGbnf } from './gbnf/gbnf.ts';
export type { Grammar } from './grammar.ts';
export { compileJsonSchema } from './json-schema/json-schema.ts';
export type { JsonSchemaOptions } from './json-schema/json-schema.ts';
export { JSON_OBJECT_GRAMMAR, MAX_FREE_DEPTH } from './json-schema/json-text.ts';
export { hasBit } from './run/masks.ts';
export type { CacheBytes } from './run/masks.ts';
export { GrammarProgram } from './run/matcher.ts';
export type { GrammarMatcher } from './run/matcher.ts';
export { compileRegex } from './regex/regex.ts';
export { Vocabulary } from './run/vocabulary.ts';
export type { VocabularyParts, VocabularyRows } from './run/vocabulary.ts';
