/** A tokenizer whose tokens are bytes, and one that ends documents: nothing has to be trained for it. */
import { byteLevelAlphabet } from '../../engine/text/token-bytes.ts';

export const END_TOKEN = '<|endoftext|>';

/**
 * The text of a tokenizer.json.
 * @param merges pairs that become tokens after those of bytes, in order
 * @param specials literals of tokens after them, which text never becomes
 */
export function byteLevelTokenizerJson(
  merges: readonly (readonly [string, string])[] = [],
  specials: readonly string[] = [],
): string {
  const pieces = [END_TOKEN, ...byteLevelAlphabet()];
  const known = new Set(pieces);
  for (const [a, b] of merges) {
    if (!known.has(a + b)) pieces.push(a + b);
    known.add(a + b);
  }
  return JSON.stringify({
    version: '1.0',
    added_tokens: [END_TOKEN, ...specials].map((content, i) => ({
      ...{ id: i === 0 ? 0 : pieces.length + i - 1, content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges: merges.map(([a, b]) => [a, b]),
    },
  });
}
