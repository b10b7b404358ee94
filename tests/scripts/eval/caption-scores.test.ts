// Scores of captions against those of the COCO captions' own code.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bleu4 } from '../../../scripts/eval/captions/bleu.ts';
import { Cider } from '../../../scripts/eval/captions/cider.ts';
import { captionWords } from '../../../scripts/eval/captions/n-grams.ts';
import {
  consensusCaption,
  mostAgreed,
  unitVector,
} from '../../../scripts/eval/captions/neighbours.ts';

interface Golden {
  readonly pictures: readonly { readonly said: string; readonly references: readonly string[] }[];
  readonly cider: { readonly mean: number; readonly each: readonly number[] };
  readonly bleu4: number;
}

const golden = JSON.parse(
  await readFile(join(import.meta.dirname, '../../golden/caption-scores.json'), 'utf8'),
) as Golden;
const said = golden.pictures.map((one) => captionWords(one.said));
const references = golden.pictures.map((one) => one.references.map(captionWords));

test('CIDEr-D of every caption is that of the COCO captions code', () => {
  const cider = new Cider(references);
  const scores = said.map((words, i) => cider.score(words, references[i]!));
  for (const [i, score] of scores.entries()) expect(score).toBeCloseTo(golden.cider.each[i]!, 9);
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  expect(mean).toBeCloseTo(golden.cider.mean, 9);
  expect(mean).toBeGreaterThan(1);
});

test('BLEU-4 of the corpus is that of the COCO captions code', () => {
  expect(bleu4(said, references)).toBeCloseTo(golden.bleu4, 9);
});

test('a caption without a word scores 0', () => {
  const cider = new Cider(references);
  expect(cider.score([], references[0]!)).toBe(0);
  expect(bleu4([[]], [references[0]!])).toBeLessThan(1e-9);
});

test('words are cut at what is no letter, no digit and no apostrophe inside', () => {
  expect(captionWords('A dog’s ball -- the "3rd" isn\'t RED.')).toEqual([
    'a',
    'dog’s',
    'ball',
    'the',
    '3rd',
    "isn't",
    'red',
  ]);
});

test('the caption of neighbours is the one they agree on', () => {
  const captions = ['a dog on a beach', 'a dog on the beach', 'two red cats', 'a dog on a hill'];
  const known = captions.map((text, i) => ({
    vector: unitVector(Float32Array.of(1, i === 2 ? 5 : 0.1 * i)),
    captions: [captionWords(text)],
  }));
  const cider = new Cider(known.map((one) => one.captions));
  expect(
    mostAgreed(
      known.flatMap((one) => one.captions),
      cider,
    ).join(' '),
  ).toBe('a dog on a beach');
  // Alone it is agreed on by nobody, and said.
  expect(consensusCaption(unitVector(Float32Array.of(1, 5)), [known[2]!], cider).join(' ')).toBe(
    'two red cats',
  );
});
