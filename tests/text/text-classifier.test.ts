/** The classifier of texts: features that survive disguises, windows, files that are damaged, and the weights that ship. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WINDOW_WORDS, windowsOf, wordsOf } from '../../engine/text/hashed-features.ts';
import { TextClassifier, writeClassifier } from '../../engine/text/text-classifier.ts';
import type { ClassifierHeader } from '../../engine/text/text-classifier.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { seededRandom } from '../support/random.ts';

const SHIPPED = new Uint8Array(
  readFileSync(join(repoRoot, 'assets/moderation/text-classifier.bin')),
);
const HEADER: ClassifierHeader = {
  ...({ format: 'thimble-text-classifier', version: 1, id: 'test' } as const),
  bucketBits: 8,
  labels: [{ name: 'one', scale: 0.5, bias: -1, threshold: 0.5 }],
};

describe('words', () => {
  it.each([
    ['St0p it! !', ['stop', 'it', '!']],
    ['@someone http://a.example/x look', ['look']],
    ['A&amp;B &#102;oo &#55357;', ['a', '&', 'b', 'foo']],
    ['f\u200bo\u00ado caf\u00e9', ['foo', 'cafe']],
    ['soooooo', ['soo']],
    ['', []],
  ])('%s', (text, words) => {
    expect(wordsOf(text)).toEqual(words);
  });

  it('cuts runs of letters, and reads anything', () => {
    expect(wordsOf('ab'.repeat(50)).every((word) => word.length <= 24)).toBe(true);
    const random = seededRandom(3);
    for (let i = 0; i < 300; i++) {
      const text = String.fromCharCode(
        ...Array.from({ length: 40 }, () => Math.floor(random() * 0x10000)),
      );
      expect(() => wordsOf(text)).not.toThrow();
    }
  });
});

it('windows cover every word, and overlap', () => {
  for (const n of [0, 1, 20, 39, 40, 41, 60, 61, 100, 1000]) {
    const windows = windowsOf(n);
    expect([windows[0]![0], windows.at(-1)[1]]).toEqual([0, n]);
    for (const [i, [from, to]] of windows.entries()) {
      expect(to - from).toBeLessThanOrEqual(WINDOW_WORDS);
      if (i > 0) expect(from).toBeLessThan(windows[i - 1]![1]);
    }
  }
});

describe('a classifier', () => {
  it('is the logistic of the mean weight times the root of the number of features', () => {
    const file = writeClassifier(HEADER, [new Int8Array(256).fill(4)]);
    // One word of one letter: the word itself and the 3-gram around it.
    const [score] = new TextClassifier(file).score('a');
    const n = 2;
    expect(score).toBeCloseTo(1 / (1 + Math.exp(-(-1 + (0.5 * 4 * n) / Math.sqrt(n)))), 9);
    expect(new TextClassifier(file).score('  ')).toEqual([0]);
  });

  it('gives a long text the score of its worst part', () => {
    const classifier = new TextClassifier(SHIPPED);
    const good = 'The library opens at nine. ';
    const bad = 'shut the fuck up you stupid bitch';
    const [, offensive] = classifier.score(good.repeat(40) + bad + good.repeat(40));
    expect(offensive).toBeGreaterThan(classifier.labels[1]!.threshold);
    expect(classifier.score(good.repeat(80))[1]).toBeLessThan(0.1);
  });

  it.each([
    ['nothing', new Uint8Array(0)],
    ['no header', new Uint8Array(100)],
    ['a header alone', SHIPPED.slice(0, 200)],
    ['cut weights', SHIPPED.slice(0, -1)],
    ['another format', writeClassifier({ ...HEADER, format: 'x' } as never, [new Int8Array(256)])],
    ['a length beyond the file', Uint8Array.of(255, 255, 255, 255, 1, 2)],
  ])('refuses %s', (_, file) => {
    expect(() => new TextClassifier(file)).toThrow(/text classifier: .*train\.ts/);
  });
});

describe('the weights that ship', () => {
  const classifier = new TextClassifier(SHIPPED);
  it('are small, and judge what they were made for', () => {
    expect(SHIPPED.length).toBeLessThan(1024 * 1024);
    expect(classifier.labels.map(({ name }) => name)).toEqual(['hate', 'offensive']);
  });

  it.each([
    'My neighbour is gay and we often have dinner together.',
    'He be working late on Tuesdays.',
    'Many Muslim families live in our street.',
    'How do I kill a process that listens on port 80?',
    'The chicken breast should be cooked at 180 degrees.',
  ])('leave alone: %s', (text) => {
    const scores = classifier.score(text);
    for (const [i, { threshold }] of classifier.labels.entries())
      expect(scores[i]).toBeLessThan(threshold);
  });
});
