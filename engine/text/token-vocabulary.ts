/** What a tokenizer's ids stand for, for grammars. */
import { sortVocabulary, Vocabulary } from '../grammar/run/vocabulary.ts';
import type { VocabularyParts, VocabularyRows } from '../grammar/run/vocabulary.ts';
import type { Steps } from '../base/turns.ts';
import type { Tokenizer } from './tokenizer.ts';

const NONE: ReadonlySet<string> = new Set();

/**
 * Special tokens are not text, whatever they look like, so that no grammar allows them.
 * @param nVocab of the model, which may have more rows than the tokenizer has tokens
 * @param literals of special tokens that grammars may ask for all the same
 */
export function tokenVocabulary(
  tokenizer: Tokenizer,
  nVocab: number,
  literals: ReadonlySet<string> = NONE,
): Vocabulary {
  return new Vocabulary(rowsOf(tokenizer, nVocab, literals));
}

/** `tokenVocabulary` in parts, as it crosses to another isolate. */
export function tokenVocabularySteps(
  tokenizer: Tokenizer,
  nVocab: number,
  literals: ReadonlySet<string> = NONE,
): Steps<VocabularyParts> {
  return sortVocabulary(rowsOf(tokenizer, nVocab, literals));
}

function rowsOf(
  tokenizer: Tokenizer,
  nVocab: number,
  literals: ReadonlySet<string>,
): VocabularyRows {
  const decoder = new TextDecoder();
  const bytesOf = (token: number): Uint8Array | null => {
    if (token >= tokenizer.nVocab) return null;
    const bytes = tokenizer.tokenBytes(token);
    return tokenizer.isSpecial(token) && !literals.has(decoder.decode(bytes)) ? null : bytes;
  };
  return { nVocab, bytesOf, endTokens: tokenizer.facts.eosIds };
}
