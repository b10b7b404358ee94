/** chrF2 beside sacrebleu's, on the same strings (tests/golden/make-chrf.py). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chrf } from '../../../scripts/eval/chrf.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

interface Golden {
  readonly sentences: readonly {
    readonly hypothesis: string;
    readonly references: readonly string[];
    readonly score: number;
  }[];
  readonly corpus: number;
}

const golden = JSON.parse(
  await readFile(join(repoRoot, 'tests/golden/chrf.json'), 'utf8'),
) as Golden;

test('every sentence scores as it does there', () => {
  expect(golden.sentences.length).toBeGreaterThan(10);
  for (const { hypothesis, references, score } of golden.sentences)
    expect(chrf([hypothesis], [references]), hypothesis).toBeCloseTo(score, 9);
});

test('so do all of them together, which is not their mean', () => {
  const { sentences, corpus } = golden;
  const found = chrf(
    sentences.map(({ hypothesis }) => hypothesis),
    sentences.map(({ references }) => references),
  );
  expect(found).toBeCloseTo(corpus, 9);
  const mean = sentences.reduce((sum, { score }) => sum + score, 0) / sentences.length;
  expect(Math.abs(mean - corpus)).toBeGreaterThan(1);
});

test('a hypothesis without a reference is a mistake of the caller', () => {
  expect(() => chrf(['a'], [[]])).toThrow(RangeError);
  expect(() => chrf(['a', 'b'], [['a']])).toThrow(RangeError);
});
