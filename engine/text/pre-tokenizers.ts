/**
 * The word-splitting rules of byte-level BPE tokenizers, one row for each name a GGUF may give in
 * `tokenizer.ggml.pre`. A row is a list of regular expressions applied in turn, each cutting the
 * pieces the one before left. Names and rules: llama.cpp, src/llama-vocab.cpp.
 */
import { EngineError } from '../base/errors.ts';

export interface PreTokenizerRow {
  readonly patterns: readonly string[];
  /** A whole word that is a token is taken as it is, whatever the merges would give. */
  readonly ignoreMerges: boolean;
  /** Whether a prompt begins with the BOS token when the file does not say. */
  readonly addBos: boolean;
}

const GPT2_WORDS =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const CONTRACTIONS = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";

/** The GPT-4 family of rules; they differ in how many digits stay together. */
function gpt4Words(digits: string): string {
  return (
    `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*` +
    '|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
  );
}

function row(patterns: readonly string[], options: Partial<PreTokenizerRow> = {}): PreTokenizerRow {
  return { patterns, ignoreMerges: false, addBos: false, ...options };
}

const GPT2 = row([GPT2_WORDS]);
const SINGLE_DIGITS = row(['\\p{N}', GPT2_WORDS]);
const QWEN2 = row([gpt4Words('\\p{N}')]);
const LLAMA3 = row([gpt4Words('\\p{N}{1,3}')], { ignoreMerges: true, addBos: true });

export const PRE_TOKENIZER_ROWS: ReadonlyMap<string, PreTokenizerRow> = new Map([
  ['default', row(['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2_WORDS, '\\p{N}+', '[0-9][0-9][0-9]'])],
  ['gpt-2', GPT2],
  ['phi-2', GPT2],
  ['olmo', GPT2],
  ['roberta-bpe', GPT2],
  ['smollm', SINGLE_DIGITS],
  ['starcoder', SINGLE_DIGITS],
  ['refact', SINGLE_DIGITS],
  ['command-r', SINGLE_DIGITS],
  ['codeshell', SINGLE_DIGITS],
  ['qwen2', QWEN2],
  ['stablelm2', QWEN2],
  ['llama-bpe', LLAMA3],
  ['llama3', LLAMA3],
  ['llama-v3', LLAMA3],
  ['smaug-bpe', row([gpt4Words('\\p{N}{1,3}')])],
  ['dbrx', row([gpt4Words('\\p{N}{1,3}')])],
]);

/** @throws {EngineError} E_TOKENIZER_INVALID with the known names. */
export function findPreTokenizer(name: string): PreTokenizerRow {
  const found = PRE_TOKENIZER_ROWS.get(name);
  if (found !== undefined) return found;
  const known = [...PRE_TOKENIZER_ROWS.keys()].join(', ');
  throw new EngineError(
    'E_TOKENIZER_INVALID',
    `tokenizer: unknown pre-tokenizer ${JSON.stringify(name.slice(0, 80))}; expected one of ${known}. ` +
      'Add its rule as a row of engine/text/pre-tokenizers.ts.',
    { details: { name, known: [...PRE_TOKENIZER_ROWS.keys()] } },
  );
}

/** The row as the `pre_tokenizer` of a Hugging Face tokenizer.json. */
export function preTokenizerJson(found: PreTokenizerRow): Record<string, unknown> {
  const splits = found.patterns.map(splitJson);
  return { type: 'Sequence', pretokenizers: [...splits, byteLevelJson()] };
}

export function splitJson(pattern: string): Record<string, unknown> {
  return { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
}

/** Bytes as printable characters, without splitting: the splits are explicit rows before it. */
export function byteLevelJson(): Record<string, unknown> {
  return { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
}

/** The split that `ByteLevel` does by itself when `use_regex` is on. */
export const BYTE_LEVEL_PATTERN = GPT2_WORDS;
