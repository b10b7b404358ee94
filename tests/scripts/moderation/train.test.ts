/** Training of the moderation classifier: rows, parts, weights, and their bytes. */
import { describe, expect, it } from 'vitest';
import { neutral, parseCsv, split } from '../../../scripts/moderation/examples.ts';
import { bucketsOf, fit, quantize } from '../../../scripts/moderation/fit.ts';
import {
  identityTexts,
  MEASURED_DIALECT,
  MEASURED_FRAMES,
  TRAINED_DIALECT,
  TRAINED_FRAMES,
} from '../../../scripts/moderation/neutral-texts.ts';
import { TextClassifier, writeClassifier } from '../../../engine/text/text-classifier.ts';
import { seededRandom } from '../../support/random.ts';

describe('rows', () => {
  it.each([
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      '"x, ""y""",2\r\n"two\nlines",3',
      [
        ['x, "y"', '2'],
        ['two\nlines', '3'],
      ],
    ],
    ['a,\n', [['a', '']]],
    ['', []],
  ])('%j', (text, rows) => {
    expect(parseCsv(text)).toEqual(rows);
  });
});

it('the part that a text is in follows from the text alone', () => {
  const texts = Array.from({ length: 2000 }, (_, i) => neutral(`text number ${i}`));
  const parts = split(texts);
  expect(
    split([...texts].reverse())
      .test.map(({ text }) => text)
      .sort(),
  ).toEqual(parts.test.map(({ text }) => text).sort());
  expect(parts.train.length / 2000).toBeCloseTo(0.7, 1);
  expect(parts.train.length + parts.validation.length + parts.test.length).toBe(2000);
  // Spelling that the classifier does not see does not move a text to another part.
  const [kept] = parts.test;
  expect(split([neutral(kept!.text.toUpperCase())]).test).toHaveLength(1);
});

it('no sentence that is measured is trained on', () => {
  const trained = new Set([
    ...identityTexts(TRAINED_FRAMES).map(({ text }) => text),
    ...TRAINED_DIALECT.flat(),
  ]);
  for (const { text } of identityTexts(MEASURED_FRAMES)) expect(trained.has(text)).toBe(false);
  for (const text of MEASURED_DIALECT.flat()) expect(trained.has(text)).toBe(false);
});

describe('a fit', () => {
  const OPTIONS = { bucketBits: 12, nEpoch: 4, learningRate: 0.3, l2: 1e-4, seed: 1 };
  const random = seededRandom(4);
  const words = Array.from({ length: 200 }, (_, i) => `word${i}x`);
  const pick = () => words[Math.floor(random() * words.length)]!;
  /** Texts with one of the first five words are what is looked for. */
  const examples = Array.from({ length: 1500 }, () =>
    neutral(Array.from({ length: 12 }, pick).join(' ')),
  );
  const isBad = (text: string) => words.slice(0, 5).some((word) => text.includes(word));
  const targets = examples.map(({ text }) => Number(isBad(text)));

  it('finds what differs, the same from the same seed', () => {
    const texts = bucketsOf(examples.slice(0, 1000), OPTIONS.bucketBits);
    const fitted = fit(texts, targets, OPTIONS);
    expect(fit(texts, targets, OPTIONS)).toEqual(fitted);
    expect(fit(texts, targets, { ...OPTIONS, seed: 2 })).not.toEqual(fitted);
    const { weights, scale } = quantize(fitted.weights);
    const label = { name: 'bad', bias: fitted.bias, scale, threshold: 0.5 };
    const header = { id: 'test', bucketBits: OPTIONS.bucketBits, labels: [label] };
    const file = writeClassifier({ format: 'thimble-text-classifier', version: 1, ...header }, [
      weights,
    ]);
    const classifier = new TextClassifier(file);
    const heldOut = examples.slice(1000);
    const nRight = heldOut.filter(
      ({ text }) => classifier.score(text)[0]! >= 0.5 === isBad(text),
    ).length;
    expect(nRight / heldOut.length).toBeGreaterThan(0.9);
  });

  it('int8 weights are within half a step, but for the few that are cut', () => {
    const weights = Float32Array.from({ length: 40_000 }, () => random() - 0.5);
    weights[7] = 30;
    const { weights: rounded, scale } = quantize(weights);
    expect(rounded[7]).toBe(127);
    let nOff = 0;
    for (const [i, x] of weights.entries())
      if (Math.abs(rounded[i]! * scale - x) > scale / 1.99) nOff++;
    expect(nOff).toBeLessThanOrEqual(5);
  });
});
