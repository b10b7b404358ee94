/** Patterns of tokenizers: those of known families pass, those that backtrack without end do not. */
import { expect, test } from 'vitest';
import {
  checkPattern,
  MAX_OPEN_REPEATS,
  MAX_PATTERN_CHARS,
} from '../../engine/text/safe-pattern.ts';

test.each([
  ['GPT-2', "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"],
  [
    'Qwen 2',
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  [
    'o200k',
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
  ],
  ['digits by three', '\\p{N}{1,3}(?=(?:\\p{N}{3})*(?!\\p{N}))'],
  ['spaces', ' {2,}'],
  ['as many open repetitions as may be', 'a+'.repeat(MAX_OPEN_REPEATS)],
  ['as long as may be', 'a'.repeat(MAX_PATTERN_CHARS)],
  ['a class with brackets', '[^()\\]|[a+]+]+'],
])('%s', (_, pattern) => {
  expect(() => checkPattern(pattern, 'pre_tokenizer')).not.toThrow();
});

test.each([
  ['nested repeats', '(x+x+)+y'],
  ['a repeated choice', '(?:x|x)*y'],
  ['a repeated choice in a group', '((x|xx))+y'],
  ['repeats of what may be there', '(x?x?)+y'],
  ['a bounded repeat of repeats', '(?:x*){99}y'],
  ['a look-ahead', '(?=(x+)+y)'],
  ['one open repetition too many', 'a+'.repeat(MAX_OPEN_REPEATS + 1)],
  ['those of groups together', `(?:a*a*)(?:a*)${'(a*)'.repeat(MAX_OPEN_REPEATS - 2)}`],
  ['one character too many', 'a'.repeat(MAX_PATTERN_CHARS + 1)],
  ['a group that was never opened', 'a)'],
])('%s is refused', (_, pattern) => {
  expect(() => checkPattern(pattern, 'pre_tokenizer')).toThrow(
    expect.objectContaining({ code: 'E_TOKENIZER_INVALID' }),
  );
});
