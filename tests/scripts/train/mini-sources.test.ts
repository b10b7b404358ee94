/** Sources of the small model: what of sounds is learned, who is in them, and scores by speakers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOP_SAMPLES } from '../../../engine/audio/log-mel.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { ScoreCounter } from '../../../scripts/train/mini/scores.ts';
import { soundSource, trimmed, type Recording } from '../../../scripts/train/mini/sources/sound.ts';
import { textSource } from '../../../scripts/train/mini/sources/text.ts';
import { openVocabulary } from '../../../scripts/train/mini/vocabulary.ts';

const tokenizer = join(repoRoot, 'assets/mini/tokenizer.json');
const vocabulary = openVocabulary(await readFile(tokenizer, 'utf8'));
const about = { what: 'tones', licence: 'none' };
/** Half a second of a tone: 50 frames, 17 vectors. */
const tone = (text: string, speaker?: string): Recording => ({
  samples: Float32Array.from({ length: 8000 }, (_, i) => Math.sin(i / 5)),
  ...{ text, ...(speaker === undefined ? {} : { speaker }) },
});
const source = (...heldOut: readonly Recording[]) =>
  soundSource(
    'digits',
    { train: [tone('seven')], heldOut },
    {
      ...{ vocabulary, stack: { bands: 40, stack: 3, most: 64 }, nContext: 256 },
      ...{ weight: 3, frames: 2, trimmed: 0, timing: { speed: [1, 1], pace: [1, 1] }, about },
    },
  );

test('the word of a sound is named at its later frames, and nothing at those of several words', () => {
  const [one, more] = source(tone('seven'), tone('open the door')).heldOut(2);
  const [seven] = vocabulary.encode('seven');
  const { firstRow, n } = one!.segments[0]!;
  const [weights, targets] = [one!.weights, one!.targets].map((rows) =>
    rows.slice(firstRow, firstRow + n),
  );
  const named = weights!.flatMap((weight, i) => (weight > 0 ? [i] : []));
  expect(named[0]).toBe(Math.ceil(0.6 * n));
  expect(named).toHaveLength(n - named[0]!);
  for (const i of named) expect(targets![i]).toBe(seven);
  expect(weights!.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(2, 6);
  const other = more!.segments[0]!;
  const unnamed = more!.weights.slice(other.firstRow, other.firstRow + other.n);
  expect(unnamed.every((weight) => weight === 0)).toBe(true);
});

test('sounds are learned otherwise each time, with their word at the end', () => {
  const random = new SeededRandom(1);
  const [one, two] = [0, 1].map(() => source(tone('seven')).example(random, 0));
  expect(one!.segments[0]!.values).not.toEqual(two!.segments[0]!.values);
  expect(one!.answers).toMatchObject([{ kind: 'digits', answer: 'seven' }]);
});

test('ends without a voice are cut off, at the loudness that is asked for', () => {
  const samples = Float32Array.from({ length: 8000 }, (_, i) => {
    // Nothing, an s as loud as the word after it, a word, nothing.
    if (i >= 1600 && i < 3200) return i % 2 === 0 ? 1 : -1;
    return i >= 3200 && i < 4800 ? Math.sin(i / 20) : 0;
  });
  const near = (nSample: number, expected: number): boolean =>
    Math.abs(nSample - expected) <= 2 * HOP_SAMPLES;
  expect(near(trimmed(samples, 12).length, 1600)).toBe(true);
  expect(near(trimmed(samples, 50).length, 3200)).toBe(true);
  expect(trimmed(new Float32Array(100), 30)).toHaveLength(100);
});

test('answers are counted by kind and by speaker', () => {
  const [example] = source(tone('seven', 'theo')).heldOut(1);
  const counter = new ScoreCounter({ name: 'digits', unbound: new Map([['digits', 0.1]]) });
  counter.add(example!.answers[0]!, true);
  counter.add({ kind: 'digits', group: 'jackson' }, false);
  counter.add({ kind: 'digits' }, true);
  expect(counter.scores()).toEqual([
    {
      ...{ source: 'digits', kind: 'digits', right: 2, asked: 3, unbound: 0.1 },
      groups: { theo: { right: 1, asked: 1 }, jackson: { right: 0, asked: 1 } },
    },
  ]);
});

test('whom stories speak of is told by shares, most frequent first', () => {
  const stories = ['She ran to her mother.', 'A girl and a boy sang.', 'It rained.'];
  const { people } = textSource(vocabulary, stories, 4, 1, about);
  expect(people).toMatch(/^of 3 stories, women in 66\.7 %, men in 33\.3 %; in fewer or none: /);
  expect(people).toContain('old people');
});
