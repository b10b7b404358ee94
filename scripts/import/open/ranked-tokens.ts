/**
 * A byte-level BPE vocabulary that is given as tokens in the order of their merges (tiktoken's ranks), as a
 * tokenizer.json: the merges are found again, each by taking its token apart with those before it.
 */
import { EngineError } from '../../../engine/base/errors.ts';

/** Steps of taking tokens apart: sixteen times what GPT-2's vocabulary needs. */
const MAX_MERGE_STEPS = 40_000_000;

/** A token beside those of the vocabulary, which no merge makes. */
export interface SpecialToken {
  readonly id: number;
  readonly content: string;
}

/**
 * The text of tokenizer.json.
 * @param tokens bytes of each token, by its id
 * @throws {EngineError} E_TOKENIZER_INVALID for a token that is listed twice, a byte that is missing, or tokens that
 *   take too long to take apart.
 */
export function rankedTokenizerJson(
  tokens: readonly Uint8Array[],
  special: readonly SpecialToken[],
): string {
  const names = tokens.map(nameOf);
  const rankOf = new Map(names.map((name, id) => [name, id]));
  if (rankOf.size < names.length) throw invalid('a token is listed twice');
  for (const letter of BYTE_LETTERS)
    if (!rankOf.has(letter)) throw invalid('a single byte is no token');
  const level = { add_prefix_space: false, trim_offsets: true, use_regex: true };
  return JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map(({ id, content }) => ({
      ...{ id, content, single_word: false, lstrip: false, rstrip: false },
      ...{ normalized: false, special: true },
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', ...level },
    post_processor: null,
    decoder: { type: 'ByteLevel', ...level },
    model: {
      type: 'BPE',
      unk_token: null,
      vocab: Object.fromEntries(rankOf),
      merges: mergesOf(names, rankOf),
    },
  });
}

/** The letter that stands for each byte (GPT-2's bytes_to_unicode). */
const BYTE_LETTERS: readonly string[] = (() => {
  const isPlain = (b: number): boolean =>
    (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let next = 256;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(isPlain(b) ? b : next++));
})();

function nameOf(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => BYTE_LETTERS[b]!).join('');
}

function mergesOf(names: readonly string[], rankOf: ReadonlyMap<string, number>): string[] {
  let left = MAX_MERGE_STEPS;
  return names.flatMap((name, rank) => {
    left -= name.length * name.length;
    if (left < 0) throw invalid('the tokens are too long together');
    if (name.length < 2) return [];
    const parts = takeApart(name, rank, rankOf);
    // A token that its predecessors do not make is never the outcome of a merge.
    return parts.length === 2 ? [parts.join(' ')] : [];
  });
}

/** What merges of a lower rank make of a token, the lowest first. */
function takeApart(name: string, rank: number, rankOf: ReadonlyMap<string, number>): string[] {
  const parts = [...name];
  while (parts.length > 2) {
    let [best, at] = [rank, -1];
    for (let i = 0; i + 1 < parts.length; i++) {
      const merged = rankOf.get(parts[i]! + parts[i + 1]!);
      if (merged !== undefined && merged < best) [best, at] = [merged, i];
    }
    if (at < 0) break;
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
  return parts;
}

function invalid(what: string): EngineError {
  return new EngineError(
    'E_TOKENIZER_INVALID',
    `vocabulary: ${what}; expected a byte-level vocabulary in the order of its merges. Fetch the file again.`,
  );
}
