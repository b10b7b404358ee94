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

/** Chinese characters; hiragana and katakana. */
const HAN = '\\u4e00-\\u9fa5';
const KANA = '\\u3040-\\u309f\\u30a0-\\u30ff';
/** All letters but lower-case ASCII, and but upper-case ASCII: llama.cpp knows no other cases. */
const UPPER = '(?:(?![a-z])\\p{L})';
const LOWER = '(?:(?![A-Z])\\p{L})';

/** Words that begin in upper case or are all of it, as GPT-4o and Tekken cut them. */
function casedWords(suffix: string, digits: string): string {
  const before = '[^\\r\\n\\p{L}\\p{N}]?';
  return (
    `${before}${UPPER}*${LOWER}+${suffix}|${before}${UPPER}+${LOWER}*${suffix}|${digits}` +
    '| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+'
  );
}

/** A sign with the ASCII letters after it, words with their marks, runs of signs. */
const DEEPSEEK_WORDS =
  '[!-/:-@\\[-`{-~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+' +
  '| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
/** Words without the sentence signs of many scripts. */
const BLOOM_WORDS = ' ?[^(\\s|.,!?…。，、।۔،)]+';

function row(patterns: readonly string[], options: Partial<PreTokenizerRow> = {}): PreTokenizerRow {
  return { patterns, ignoreMerges: false, addBos: false, ...options };
}

const GPT2 = row([GPT2_WORDS]);
const SINGLE_DIGITS = row(['\\p{N}', GPT2_WORDS]);
const QWEN2 = row([gpt4Words('\\p{N}')]);
const LLAMA3 = row([gpt4Words('\\p{N}{1,3}')], { ignoreMerges: true, addBos: true });

const GPT4 = row([gpt4Words('\\p{N}{1,3}')]);
const BLOOM = row([BLOOM_WORDS]);

/** Each rule with its names. */
const RULES: readonly (readonly [PreTokenizerRow, ...string[]])[] = [
  [row(['[\\p{P}\\$\\+<=>\\^~\\|]+', GPT2_WORDS, '\\p{N}+', '[0-9][0-9][0-9]']), 'default'],
  [
    GPT2,
    ...['gpt-2', 'phi-2', 'olmo', 'roberta-bpe', 'mpt', 'jais', 'trillion', 'granite-docling'],
    ...['gigachat', 'mellum', 'a.x-4.0', 'exaone4'],
    ...['jina-es', 'jina-de', 'jina-v2-es', 'jina-v2-de', 'jina-v1-en', 'jina-v2-code'],
  ],
  [
    SINGLE_DIGITS,
    ...['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b'],
  ],
  [QWEN2, 'qwen2', 'stablelm2', 'deepseek-r1-qwen', 'kormo', 'hunyuan', 'megrez'],
  [
    LLAMA3,
    ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
  ],
  [GPT4, 'smaug-bpe', 'dbrx', 'chatglm-bpe', 'glm4'],
  [row([casedWords('', '\\p{N}')], { ignoreMerges: true, addBos: true }), 'tekken'],
  [row([casedWords(`${CONTRACTIONS}?`, '\\p{N}{1,3}')]), 'gpt-4o', 'llama4'],
  [row(['\\p{N}{1,3}', `[${HAN}${KANA}]+`, DEEPSEEK_WORDS]), 'deepseek-v3', 'hunyuan-dense'],
  [row(['[\\p{P}\\$\\+<=>\\^~\\|`]+', GPT2_WORDS, '[0-9][0-9][0-9]']), 'falcon'],
  [BLOOM, 'bloom', 'poro-chat', 'gpt3-finnish'],
  [row([BLOOM_WORDS, '\\p{N}']), 'viking'],
];

export const PRE_TOKENIZER_ROWS: ReadonlyMap<string, PreTokenizerRow> = new Map(
  RULES.flatMap(([rule, ...names]) => names.map((name) => [name, rule] as const)),
);

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
