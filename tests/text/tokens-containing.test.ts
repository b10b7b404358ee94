import { describe, expect, test } from 'vitest';
import { MAX_CONTAINING_TOKENS, tokensContaining } from '../../engine/text/tokens-containing.ts';

const encoder = new TextEncoder();

function vocabularyOf(tokens: readonly (string | Uint8Array)[]) {
  let nRead = 0;
  return {
    nVocab: tokens.length,
    tokenBytes(id: number): Uint8Array {
      nRead++;
      const token = tokens[id]!;
      return typeof token === 'string' ? encoder.encode(token) : token;
    },
    get nRead() {
      return nRead;
    },
  };
}

describe('tokensContaining', () => {
  const tokens = ['a', '\n', 'a\n', ' b', '\n\n', '::', 'é', Uint8Array.of(0xc3), '', 'aab'];

  test.each([
    [['\n'], [1, 2, 4]],
    [
      ['\n', ':'],
      [1, 2, 4, 5],
    ],
    [['\n\n'], [4]],
    [['é'], [6]],
    [['ab'], [9]],
    [['x'], []],
    [[], []],
  ])('%j is in %j', (texts, ids) => {
    expect(tokensContaining(vocabularyOf(tokens), texts, 'breakers')).toEqual(ids);
  });

  test('looks through a vocabulary once for a text', () => {
    const vocabulary = vocabularyOf(tokens);
    tokensContaining(vocabulary, ['a', 'b'], 'breakers');
    expect(vocabulary.nRead).toBe(tokens.length);
    expect(tokensContaining(vocabulary, ['b', 'a'], 'breakers')).toEqual([0, 2, 3, 9]);
    expect(vocabulary.nRead).toBe(tokens.length);
    for (let i = 0; i < 40; i++) tokensContaining(vocabulary, [`b${i}`, 'a'], 'breakers');
    expect(tokensContaining(vocabulary, ['b', 'a'], 'breakers')).toEqual([0, 2, 3, 9]);
  });

  test('a text that nearly all tokens contain is refused with the field and the text', () => {
    const vocabulary = vocabularyOf(new Array<string>(MAX_CONTAINING_TOKENS + 1).fill('e'));
    expect(() => tokensContaining(vocabulary, ['e'], 'breakers')).toThrow(
      expect.objectContaining({ code: 'E_REQUEST_INVALID', param: 'breakers' }),
    );
    expect(() => tokensContaining(vocabulary, ['e'], 'breakers')).toThrow(
      /16385 tokens contain "e"/,
    );
  });
});
