/** Sorting a vocabulary, against a plain sort of its words. */
import { expect, test } from 'vitest';
import { sortVocabulary } from '../../engine/grammar/run/vocabulary.ts';
import { atOnce } from '../../engine/base/turns.ts';
import { seededRandom } from '../support/random.ts';

const N_WORD = 20_000;
/** Small alphabets make long common beginnings; 0 and 255 are the ends of a byte. */
const ALPHABET = [0, 1, 97, 98, 255];

function randomWords(seed: number): Uint8Array[] {
  const random = seededRandom(seed);
  return Array.from({ length: N_WORD }, () =>
    Uint8Array.from(
      { length: Math.floor(random() * 9) },
      () => ALPHABET[Math.floor(random() * ALPHABET.length)]!,
    ),
  );
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 || at >= b.length ? a.length - b.length : a[at]! - b[at]!;
}

test('tokens are in the order of their bytes, equal ones by id, and know what they share', () => {
  const words = randomWords(7);
  const endTokens = [3, 8];
  const bytesOf = (token: number): Uint8Array | null => (token % 100 === 5 ? null : words[token]!);
  const steps = sortVocabulary({ nVocab: N_WORD, bytesOf, endTokens });
  expect(steps.next().done).toBe(false);
  const { order, shared, bytes, offsets } = atOnce(steps);
  const texts = words.flatMap((word, token) =>
    word.length > 0 && token % 100 !== 5 && !endTokens.includes(token) ? [token] : [],
  );
  const plain = texts.toSorted((a, b) => compare(words[a]!, words[b]!) || a - b);
  expect([...order]).toEqual(plain);
  for (const [place, token] of plain.entries()) {
    expect([...bytes.subarray(offsets[token], offsets[token + 1])]).toEqual([...words[token]!]);
    if (place === 0) continue;
    const [before, word] = [words[plain[place - 1]!]!, words[token]!];
    let common = 0;
    while (common < Math.min(before.length, word.length) && before[common] === word[common])
      common++;
    expect(shared[place]).toBe(common);
  }
});
