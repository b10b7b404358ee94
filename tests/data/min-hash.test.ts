/** MinHash and its index against exact Jaccard similarities. */
import { describe, expect, test } from 'vitest';
import { bandRowsFor, estimateJaccard, N_HASH, signatureOf } from '../../engine/data/min-hash.ts';
import { NearDuplicates } from '../../engine/data/near-duplicates.ts';
import { RowPool } from '../../engine/data/row-pool.ts';
import { jaccard, plainWords, shinglesOf, sortedJaccard } from '../../engine/data/shingles.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

/** Two sets that share `nShared` of what they have together. */
function pairOf(random: SeededRandom, nAll: number, nShared: number): [Uint32Array, Uint32Array] {
  const values = new Set<number>();
  while (values.size < nAll) values.add(random.integer(0, 2 ** 32 - 1));
  const all = [...values];
  const shared = all.slice(0, nShared);
  const rest = all.slice(nShared);
  const half = rest.length >> 1;
  return [
    Uint32Array.from([...shared, ...rest.slice(0, half)]),
    Uint32Array.from([...shared, ...rest.slice(half)]),
  ];
}

describe('estimates', () => {
  test.each([0, 0.1, 0.3, 0.5, 0.8, 0.95, 1])(
    'of a similarity of %f are right on average, and none far off',
    (similarity) => {
      const random = new SeededRandom(11);
      const nPair = 200;
      let sum = 0;
      for (let i = 0; i < nPair; i++) {
        const nAll = random.integer(40, 400);
        const nShared = Math.round(similarity * nAll);
        const [one, other] = pairOf(random, nAll, nShared);
        const exact = jaccard(one, other);
        expect(exact).toBeCloseTo(nShared / nAll, 12);
        expect(sortedJaccard(one.toSorted(), other.toSorted())).toBe(exact);
        const error = estimateJaccard(signatureOf(one), signatureOf(other)) - exact;
        const deviation = Math.sqrt((exact * (1 - exact)) / N_HASH);
        // 200 draws of 7 similarities: five standard deviations are not met by chance.
        expect(Math.abs(error)).toBeLessThanOrEqual(5 * deviation + 1 / N_HASH);
        sum += error;
      }
      const exactDeviation = Math.sqrt((similarity * (1 - similarity)) / N_HASH / nPair);
      expect(Math.abs(sum / nPair)).toBeLessThanOrEqual(4 * exactDeviation + 0.002);
    },
  );

  test('do not depend on the order of a set', () => {
    const set = Uint32Array.from([5, 1, 4, 2, 3]);
    expect(signatureOf(set)).toEqual(signatureOf(set.toReversed()));
  });
});

describe('shingles', () => {
  test('are runs of three words, whatever the case and the punctuation', () => {
    expect(shinglesOf('The cat sat, on the mat.')).toHaveLength(4);
    expect(shinglesOf('the CAT sat on the mat')).toEqual(shinglesOf('The cat sat, on the mat.'));
    expect(shinglesOf('the mat sat on the cat')).not.toEqual(shinglesOf('the cat sat on the mat'));
  });

  test('of a short text are one, and of none there are none', () => {
    expect(shinglesOf('Hello!')).toHaveLength(1);
    expect(shinglesOf(' ... ')).toHaveLength(0);
  });

  test('take characters for words where no spaces are written', () => {
    expect(plainWords('\u732b\u304c\u5e8a')).toEqual(['\u732b', '\u304c', '\u5e8a']);
  });

  test('give the similarity that is counted by hand', () => {
    // a b c, b c d and b c d, c d e: one of three.
    expect(jaccard(shinglesOf('a b c d'), shinglesOf('b c d e'))).toBeCloseTo(1 / 3, 12);
    expect(jaccard(new Uint32Array(0), new Uint32Array(0))).toBe(0);
  });
});

test('rows of a pool come back as they were added, over the ends of its arrays', () => {
  const random = new SeededRandom(2);
  const pool = new RowPool<Uint32Array>((length) => new Uint32Array(length));
  const rows = Array.from({ length: 300 }, (_, i) =>
    new Uint32Array(i % 7 === 0 ? 0 : random.integer(1, 20_000)).fill(i + 1),
  );
  for (const row of rows) pool.add(row);
  expect(pool.size).toBe(300);
  for (const [i, row] of rows.entries()) expect(pool.at(i)).toEqual(row);
});

describe('near duplicates', () => {
  const random = new SeededRandom(7);
  const words = Array.from({ length: 500 }, () => random.word());
  const sentence = (n: number): string[] =>
    Array.from({ length: n }, () => words[random.integer(0, words.length - 1)]!);

  test('are found from the threshold on, and nothing far below it', () => {
    const near = new NearDuplicates(0.8);
    let nFound = 0;
    for (let i = 0; i < 300; i++) {
      const text = sentence(80);
      expect(near.add(shinglesOf(text.join(' ')), 2 * i)).toBeNull();
      // One word of eighty changes three of seventy-eight runs: a similarity of 75 of 81.
      const changed = text.with(random.integer(10, 70), 'changed');
      const match = near.add(shinglesOf(changed.join(' ')), 2 * i + 1);
      if (match === null) continue;
      expect(match.of).toBe(2 * i);
      nFound++;
    }
    expect(nFound).toBeGreaterThanOrEqual(295);
    for (let i = 0; i < 300; i++)
      expect(near.add(shinglesOf(sentence(80).join(' ')), 1000 + i)).toBeNull();
  });

  test('of short texts are those of an exact comparison with every earlier text, but for one in a hundred', () => {
    for (const threshold of [0.5, 0.8]) {
      const near = new NearDuplicates(threshold);
      const kept: Uint32Array[] = [];
      const found = { exact: 0, both: 0, near: 0 };
      let text = sentence(30);
      for (let i = 0; i < 1500; i++) {
        // Now and then a new text; else some words of the last one change.
        if (random.chance(0.3)) text = sentence(30);
        else
          for (let n = random.integer(0, 3); n > 0; n--)
            text = text.with(random.integer(0, 29), random.word());
        const shingles = shinglesOf(text.join(' '));
        const isExact = kept.some((other) => jaccard(shingles, other) >= threshold);
        const isNear = near.add(shingles, i) !== null;
        if (!isNear) kept.push(shingles);
        if (isExact) found.exact++;
        if (isNear) found.near++;
        if (isExact && isNear) found.both++;
      }
      expect(found.exact).toBeGreaterThan(200);
      expect(found.near).toBe(found.both);
      expect(found.both / found.exact).toBeGreaterThanOrEqual(0.99);
    }
  });

  test('of one text that comes back many times are all found', () => {
    const near = new NearDuplicates(0.8);
    const text = shinglesOf('once upon a time there was a very small dragon');
    expect(near.add(text, 0)).toBeNull();
    for (let i = 1; i < 1000; i++) expect(near.add(text, i)).toEqual({ of: 0, similarity: 1 });
    expect(near.size).toBe(1);
  });

  test('of long texts are found, too, before and after short ones', () => {
    const near = new NearDuplicates(0.8);
    const long = sentence(400);
    const short = sentence(20);
    expect(near.add(shinglesOf(long.join(' ')), 0)).toBeNull();
    expect(near.add(shinglesOf(short.join(' ')), 1)).toBeNull();
    const changed = long.with(7, 'changed').join(' ');
    expect(near.add(shinglesOf(changed), 2)).toMatchObject({ of: 0 });
    expect(near.add(shinglesOf(short.join(' ')), 3)).toEqual({ of: 1, similarity: 1 });
    expect(near.add(shinglesOf([...long, ...sentence(400)].join(' ')), 4)).toBeNull();
  });

  test('an empty text repeats nothing', () => {
    const near = new NearDuplicates(0.5);
    expect(near.add(new Uint32Array(0), 0)).toBeNull();
    expect(near.add(new Uint32Array(0), 1)).toBeNull();
  });

  test('bands are as narrow as a threshold needs', () => {
    expect([0.1, 0.5, 0.8, 0.9, 1].map(bandRowsFor)).toEqual([1, 2, 4, 8, 16]);
  });
});
