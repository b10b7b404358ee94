import { describe, expect, it } from 'vitest';
import { spokenWords, wordErrors } from '../../../scripts/eval/word-errors.ts';

describe('word errors', () => {
  it('count what has to be put in, taken out or replaced', () => {
    const count = (want: string, got: string) => wordErrors(spokenWords(want), spokenWords(got));
    expect(count('a b c', 'a b c')).toBe(0);
    expect(count('a b c', '')).toBe(3);
    expect(count('', 'a b')).toBe(2);
    expect(count('a b c d', 'a x c')).toBe(2);
    expect(
      count('he was not an ill disposed young man', 'He was not an old-sposed young man.'),
    ).toBe(2);
  });

  it('do not count marks, capitals, or two spellings of a word', () => {
    expect(spokenWords(' And Mr. Dashwood, cold-hearted: "Yes!"')).toEqual([
      ...['and', 'mister', 'dashwood', 'cold', 'hearted', 'yes'],
    ]);
    expect(spokenWords("It's 3 o'clock.")).toEqual(["it's", '3', "o'clock"]);
    expect(spokenWords('Größe café')).toEqual(['größe', 'café']);
  });
});
