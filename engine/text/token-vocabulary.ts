/** What a tokenizer's ids stand for, for grammars. */
import { Vocabulary } from '../grammar/run/vocabulary.ts';
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
  const decoder = new TextDecoder();
  const bytesOf = (token: number): Uint8Array | null => {
    if (token >= tokenizer.nVocab) return null;
    const bytes = tokenizer.tokenBytes(token);
    return tokenizer.isSpecial(token) && !literals.has(decoder.decode(bytes)) ? null : bytes;
  };
  return new Vocabulary({ nVocab, bytesOf, endTokens: tokenizer.facts.eosIds });
}
