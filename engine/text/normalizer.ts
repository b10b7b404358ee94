/**
 * Normalizers of a tokenizer.json: `@huggingface/tokenizers` does them, but for compiled rules of
 * SentencePiece, which it only approximates.
 */
import { Tokenizer as HfTokenizer } from '@huggingface/tokenizers';
import { fromBase64 } from '../base/base64.ts';
import { Charsmap } from './charsmap.ts';
import { checkPattern, regexOf } from './safe-pattern.ts';
import { asObject, invalid } from './tokenizer-file.ts';

export type Normalize = (text: string) => string;

/** Nested sequences beyond this are an attack. */
const MAX_DEPTH = 8;
/** Steps of a sequence; the longest known has six. */
export const MAX_NORMALIZERS = 32;
/** Characters that are put in for others, or before a text. */
export const MAX_INSERTED_CHARS = 64;
/** A text may grow by this factor in all: one character decomposes into 18 at most. */
const MAX_GROWTH = 32;
const unchanged: Normalize = (text) => text;

/**
 * The library with an empty vocabulary: it never sees tokens.
 * @throws {Error} the library's, for types it does not know.
 */
export function createLibrary(normalizer: unknown, preTokenizer: unknown): HfTokenizer {
  const own = {
    model: { type: 'BPE', vocab: {}, merges: [] },
    added_tokens: [],
    post_processor: null,
    normalizer,
    pre_tokenizer: preTokenizer,
    decoder: null,
  };
  return new HfTokenizer(own, {});
}

/** @throws {EngineError} E_TOKENIZER_INVALID */
export function createNormalizer(json: unknown, depth = 0): Normalize {
  if (json === null) return unchanged;
  const row = asObject(json, 'tokenizer.json: normalizer');
  if (row['type'] === 'Sequence' && Array.isArray(row['normalizers'])) {
    if (depth >= MAX_DEPTH) throw invalid('tokenizer.json: normalizer; expected less nesting.');
    if (row['normalizers'].length > MAX_NORMALIZERS)
      throw invalid(`tokenizer.json: normalizer; expected at most ${MAX_NORMALIZERS} steps.`);
    const steps = row['normalizers'].map((step: unknown) => createNormalizer(step, depth + 1));
    return (text) => steps.reduce((result, step) => step(checkGrowth(text, result)), text);
  }
  if (row['type'] === 'Precompiled') return compiledRules(row['precompiled_charsmap']);
  for (const inserted of [row['content'], row['prepend']])
    if (typeof inserted === 'string' && inserted.length > MAX_INSERTED_CHARS)
      throw invalid(
        `tokenizer.json: normalizer; expected at most ${MAX_INSERTED_CHARS} characters to be put in.`,
      );
  const pattern = regexOf(row['pattern']);
  if (pattern !== null) checkPattern(pattern, 'normalizer');
  // The library's gives an empty text something to begin with, too.
  const prefix = row['type'] === 'Prepend' ? row['prepend'] : undefined;
  if (typeof prefix === 'string') return (text) => (text === '' ? '' : prefix + text);
  const { normalizer } = createLibrary(row, null);
  return normalizer === null ? unchanged : (text) => normalizer.normalize(text);
}

function checkGrowth(text: string, grown: string): string {
  if (grown.length <= MAX_GROWTH * (text.length + 1)) return grown;
  throw invalid(`tokenizer.json: normalizer; expected a text to grow ${MAX_GROWTH} times at most.`);
}

function compiledRules(base64: unknown): Normalize {
  if (base64 === null || base64 === undefined || base64 === '') return unchanged;
  const bytes = typeof base64 === 'string' ? fromBase64(base64) : null;
  if (bytes === null) throw invalid('tokenizer.json: precompiled_charsmap; expected base64.');
  const charsmap = new Charsmap(bytes);
  return (text) => charsmap.normalize(text);
}
