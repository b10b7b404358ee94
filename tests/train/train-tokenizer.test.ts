/** A trained tokenizer, against the one that Hugging Face's trainer makes of the same texts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { trainTokenizer } from '../../scripts/train/train-tokenizer.ts';
import { learnMerges } from '../../engine/train/byte-pairs.ts';

interface Golden {
  readonly files: readonly string[];
  readonly size: number;
  readonly merges: readonly (readonly [string, string])[];
  readonly pieces: readonly string[];
  readonly ids: readonly number[];
}
const golden = JSON.parse(
  readFileSync(join(repoRoot, 'tests/golden/byte-pairs.json'), 'utf8'),
) as Golden;
const texts = golden.files.map((name) => readFileSync(join(repoRoot, name), 'utf8'));

test('merges, pieces and ids are those of the reference', () => {
  const json = trainTokenizer(texts, golden.size);
  const { model } = JSON.parse(json) as {
    model: { vocab: Record<string, number>; merges: string[][] };
  };
  expect(model.merges).toEqual(golden.merges);
  const pieces = Object.entries(model.vocab).sort(([, a], [, b]) => a - b);
  expect(pieces.map(([piece]) => piece)).toEqual(golden.pieces);
  const tokenizer = Tokenizer.parse(json, { addBos: false, bosId: null, eosIds: [0] });
  const text = Array.from(texts[1]!).slice(0, 400).join('');
  expect(tokenizer.encode(text, { special: false })).toEqual(golden.ids);
  const hard = 'naïve 語 😀 \n\t x';
  expect(tokenizer.decode(tokenizer.encode(hard, { special: false }))).toBe(hard);
});

test('what has no pairs left ends early', () => {
  const { merges } = learnMerges(new Map([['aaab', 2]]), ['a', 'b'], 100);
  expect(merges).toEqual([
    ['a', 'a'],
    ['a', 'b'],
    ['aa', 'ab'],
  ]);
  expect(learnMerges(new Map(), ['a'], 10).merges).toEqual([]);
});
