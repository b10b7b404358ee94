/** A byte-level BPE tokenizer from texts: the text of a tokenizer.json. */
import { learnMerges } from '../../engine/train/byte-pairs.ts';
import { BYTE_LEVEL_PATTERN } from '../../engine/text/pre-tokenizers.ts';
import { byteLevelAlphabet, byteLevelPiece } from '../../engine/text/token-bytes.ts';
import { byteLevelTokenizerJson, END_TOKEN } from './byte-tokenizer.ts';

/** Words as the `ByteLevel` pre-tokenizer of tokenizer.json cuts them. */
const WORD = new RegExp(BYTE_LEVEL_PATTERN, 'gu');

/**
 * @param nToken tokens altogether, those of bytes and the one that ends texts included
 * @param specials literals of further tokens, counted in nToken, too
 */
export function trainTokenizer(
  texts: Iterable<string>,
  nToken: number,
  specials: readonly string[] = [],
): string {
  const words = new Map<string, number>();
  const encoder = new TextEncoder();
  for (const text of texts)
    for (const [word] of text.matchAll(WORD)) {
      const piece = byteLevelPiece(encoder.encode(word));
      words.set(piece, (words.get(piece) ?? 0) + 1);
    }
  const pieces = [END_TOKEN, ...byteLevelAlphabet()];
  const { merges } = learnMerges(words, pieces, nToken - specials.length);
  return byteLevelTokenizerJson(merges, specials);
}
