/** Pairs of sentences divided so that nothing measured on was learned, and the folder that holds them. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseRows } from '../../../scripts/finetune/rows.ts';
import { readSplit, writeSplit } from '../../../scripts/finetune/translation/data.ts';
import { firstLine } from '../../../scripts/finetune/translation/evaluate.ts';
import {
  parsePairs,
  sentenceKey,
  type SentencePair,
  SPLIT_DEFAULTS,
  splitPairs,
} from '../../../scripts/finetune/translation/pairs.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';

const OPTIONS = { ...SPLIT_DEFAULTS, nTest: 20, nChoice: 10, nTrain: 100 };

/** Sentences of a few words, many of which have several translations and share them. */
function somePairs(): SentencePair[] {
  const random = new SeededRandom(4);
  const words = (n: number): string =>
    Array.from({ length: n }, () => 'abcdefg'[random.integer(0, 6)]!).join(' ');
  return Array.from({ length: 600 }, () => ({
    source: `${words(random.integer(1, 6))}${random.chance(0.5) ? '!' : '.'}`,
    target: `${words(random.integer(2, 4)).toUpperCase()} ${random.chance(0.5) ? '!' : '.'}`,
  }));
}

describe('a split', () => {
  const pairs = somePairs();
  const split = splitPairs(pairs, OPTIONS);
  const held = [...split.test, ...split.choice];

  test('has as many of each as are asked for, of the lengths asked for', () => {
    expect([split.train, split.test, split.choice].map((all) => all.length)).toEqual([100, 20, 10]);
    for (const { source } of [...split.train, ...held]) {
      expect(source.split(' ').length).toBeGreaterThanOrEqual(2);
      expect(source.split(' ').length).toBeLessThanOrEqual(5);
    }
    expect(split.nShared).toBeGreaterThan(0);
  });

  test('learns from no sentence of either language that is measured on', () => {
    const keys = (sentences: readonly string[]): Set<string> => new Set(sentences.map(sentenceKey));
    const sides = [
      keys(held.map(({ source }) => source)),
      keys(held.flatMap(({ references }) => references)),
    ];
    for (const { source, target } of split.train) {
      expect(sides[0]!.has(sentenceKey(source)), source).toBe(false);
      expect(sides[1]!.has(sentenceKey(target)), target).toBe(false);
    }
    const sources = held.map(({ source }) => sentenceKey(source));
    expect(new Set(sources).size).toBe(held.length);
  });

  test('knows all translations of what is measured on, and learns the shortest of each', () => {
    for (const { source, references } of held) {
      const known = pairs.filter((pair) => sentenceKey(pair.source) === sentenceKey(source));
      expect(new Set(references)).toEqual(new Set(known.map(({ target }) => target)));
    }
    const several = held.filter(({ references }) => references.length > 1);
    expect(several.length).toBeGreaterThan(0);
    const sources = split.train.map(({ source }) => sentenceKey(source));
    expect(new Set(sources).size).toBe(sources.length);
  });

  test('is the same for a seed, and another for another', () => {
    expect(splitPairs(pairs, OPTIONS)).toEqual(split);
    expect(splitPairs(pairs, { ...OPTIONS, seed: 2 }).test).not.toEqual(split.test);
  });

  test('is refused of too few sentences', () => {
    expect(() => splitPairs(pairs.slice(0, 20), OPTIONS)).toThrow(/^pairs: \d+ sentences/);
  });
});

test('pairs are read with any white space and without what follows them', () => {
  const content = 'Run!\tCours\u202f!\tattribution\n\nIs  it?\tEst-ce\u00a0lui ?\r\n';
  expect(parsePairs(content, 'x')).toEqual([
    { source: 'Run!', target: 'Cours !' },
    { source: 'Is it?', target: 'Est-ce lui ?' },
  ]);
  expect(() => parsePairs('a\tb\nalone\n', 'x')).toThrow('x: line 2: expected two sentences');
  expect(() => parsePairs('\n', 'x')).toThrow('x: has no pairs');
  expect(sentenceKey(' It’s HIM, Ça va ? ')).toBe('it s him ça va');
});

test('of an answer the first line that says something counts', () => {
  expect(firstLine('\n "Il dort."\nEnglish: He eats.')).toBe('Il dort.');
  expect(firstLine('« Oui » dit-il')).toBe('« Oui » dit-il');
  expect(firstLine(' \n')).toBe('');
});

describe('the folder', () => {
  let folder = '';
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'thimble-pairs-'))));
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('holds rows that finetune reads, and is read as it was written', async () => {
    const split = splitPairs(somePairs(), OPTIONS);
    await writeSplit(folder, split);
    const { train, test: measured, choice } = await readSplit(folder);
    expect({ train, measured, choice }).toEqual({
      ...{ train: split.train, measured: split.test, choice: split.choice },
    });
    const rows = parseRows(await readFile(join(folder, 'train.jsonl'), 'utf8'), 'train.jsonl');
    const { source, target } = split.train[0]!;
    const row = { form: 'completion', prompt: `${source}\n`, completion: target };
    expect(rows[0]!.row).toEqual(row);
  });

  test('is refused by the line of what is wrong in it', async () => {
    await writeFile(
      join(folder, 'choice.jsonl'),
      '{"source": "a", "references": ["b"]}\n{"a": 1}\n',
    );
    await expect(readSplit(folder)).rejects.toThrow(/choice\.jsonl: line 2: source: /);
    await writeFile(join(folder, 'choice.jsonl'), '\n');
    await expect(readSplit(folder)).rejects.toThrow(/choice\.jsonl: has 0 rows/);
  });
});
