import { describe, expect, test } from 'vitest';
import { chunkText, sentencesOf, textOf } from '../../engine/text/chunk-text.ts';

/** A token a word and one a line break: what a tokenizer does, only simpler. */
const count = (text: string): number => (text.match(/\S+|\n/g) ?? []).length;
const pieces = (text: string, max: number, of = count): string[] =>
  chunkText(text, max, of).map((span) => textOf(text, span));

/** Every piece fits, and nothing but white space is between them. */
function expectCovered(text: string, max: number, of: (text: string) => number): void {
  const spans = chunkText(text, max, of);
  let at = 0;
  for (const { start, end } of spans) {
    expect(text.slice(at, start).trim()).toBe('');
    expect(of(text.slice(start, end))).toBeLessThanOrEqual(max);
    at = end;
  }
  expect(text.slice(at).trim()).toBe('');
}

describe('chunkText', () => {
  test('leaves a text alone that fits', () => {
    expect(pieces('  One two.\n\nThree.  ', 10)).toEqual(['One two.\n\nThree.']);
    expect(pieces(' \n ', 10)).toEqual([]);
  });

  test('cuts between paragraphs, as many together as fit', () => {
    const text = 'a b c.\n\nd e f.\n\ng h i j k.';
    expect(pieces(text, 11)).toEqual(['a b c.\n\nd e f.', 'g h i j k.']);
  });

  test('cuts a long paragraph between sentences, a long sentence between words', () => {
    expect(pieces('It rained. We stayed in. Then it stopped.', 5)).toEqual([
      'It rained. We stayed in.',
      'Then it stopped.',
    ]);
    expect(pieces('one two three four five', 2)).toEqual(['one two', 'three four', 'five']);
  });

  test('cuts a word of many tokens, never inside a character', () => {
    const byUnit = (text: string): number => text.length;
    expectCovered('😀'.repeat(9), 4, byUnit);
    for (const piece of pieces('😀'.repeat(9), 4, byUnit)) expect(piece.isWellFormed()).toBe(true);
  });

  test('ends where even one character is more than fits', () => {
    expect(pieces('ab', 1, () => 5)).toEqual(['a', 'b']);
  });

  test('where a whole has more tokens than its parts, parts stay apart', () => {
    const odd = (text: string): number => (text.includes(' ') ? 9 : 1);
    expect(pieces('a b c', 3, odd)).toEqual(['a', 'b', 'c']);
  });

  test.each([1, 2, 3, 7, 20, 50])('covers a structured text in pieces of %d', (max) => {
    const text = Array.from(
      { length: 12 },
      (_, i) => `Part ${i}. ${'Some words here, and more. '.repeat(i % 4)}\n- item\n`,
    ).join('\n');
    expectCovered(text, max, count);
  });
});

test('sentences end with their line, and have their places', () => {
  const text = ' One is here. Two?\nThree goes on\n\n  Four! ';
  const sentences = sentencesOf(text).map((span) => textOf(text, span));
  expect(sentences).toEqual(['One is here.', 'Two?', 'Three goes on', 'Four!']);
});
