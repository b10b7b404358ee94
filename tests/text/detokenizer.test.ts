/** Text out of tokens that cut characters apart, and stop strings out of text in parts. */
import { describe, expect, test } from 'vitest';
import { Detokenizer, type TokenBytes } from '../../engine/text/detokenizer.ts';
import { StopMatcher } from '../../engine/text/stop-strings.ts';

const text = 'aé漢🤖👨‍👩‍👧e\u0301\ufeffz';

/** One token for each byte; 300 is special; a space before each text if asked. */
function byteTokens(addsSpacePrefix = false): TokenBytes {
  return {
    addsSpacePrefix,
    tokenBytes: (id) => (id === 300 ? new TextEncoder().encode('<s>') : Uint8Array.of(id)),
    isSpecial: (id) => id === 300,
  };
}

describe('Detokenizer', () => {
  test('never gives half a character', () => {
    const detokenizer = new Detokenizer(byteTokens(), { atTextStart: true, special: false });
    const parts = [...new TextEncoder().encode(text)].map((byte) => detokenizer.push(byte));
    expect(parts.join('') + detokenizer.flush()).toBe(text);
    const characters = new Set([...text]);
    for (const part of parts) expect(part === '' || characters.has(part), part).toBe(true);
  });

  test('what cannot become a character is U+FFFD, at the latest at the end', () => {
    const detokenizer = new Detokenizer(byteTokens(), { atTextStart: true, special: false });
    expect(detokenizer.push(0xff)).toBe('\ufffd');
    expect(detokenizer.push(0xf0) + detokenizer.push(0x9f)).toBe('');
    expect(detokenizer.push(0x41)).toBe('\ufffdA');
    expect(detokenizer.push(0xe6)).toBe('');
    expect(detokenizer.flush()).toBe('\ufffd');
  });

  test('drops the space that SentencePiece adds, only where a text begins', () => {
    const run = (atTextStart: boolean, ids: number[]) => {
      const detokenizer = new Detokenizer(byteTokens(true), { atTextStart, special: false });
      return ids.map((id) => detokenizer.push(id)).join('');
    };
    expect(run(true, [300, 0x20, 0x20, 0x41])).toBe(' A');
    expect(run(true, [0x41, 0x20])).toBe('A ');
    expect(run(false, [0x20, 0x41])).toBe(' A');
  });

  test('shows special tokens only when asked', () => {
    const show = (special: boolean) =>
      new Detokenizer(byteTokens(), { atTextStart: true, special }).push(300);
    expect([show(false), show(true)]).toEqual(['', '<s>']);
  });
});

describe('StopMatcher', () => {
  const run = (stops: string[], parts: string[]) => {
    const matcher = new StopMatcher(stops);
    let out = '';
    for (const part of parts) {
      const { text, stop } = matcher.push(part);
      out += text;
      if (stop !== null) return { out, stop };
    }
    return { out: out + matcher.flush(), stop: null };
  };

  test('finds a stop string however it is cut into parts', () => {
    const whole = 'one two END three';
    for (let a = 0; a <= whole.length; a++)
      for (let b = a; b <= whole.length; b++) {
        const parts = [whole.slice(0, a), whole.slice(a, b), whole.slice(b)];
        expect(run(['END'], parts)).toEqual({ out: 'one two ', stop: 'END' });
      }
  });

  test('lets out at once what can no longer become one', () => {
    const matcher = new StopMatcher(['<|end|>', '\n\n']);
    expect(matcher.push('a<|en')).toEqual({ text: 'a', stop: null });
    expect(matcher.push('x\n')).toEqual({ text: '<|enx', stop: null });
    expect(matcher.push('y')).toEqual({ text: '\ny', stop: null });
    expect(matcher.flush()).toBe('');
  });

  test('keeps a shorter candidate when a longer one fails', () => {
    expect(run(['aab'], [...'aaab']).out).toBe('a');
    expect(run(['abac', 'bad'], [...'abad'])).toEqual({ out: 'a', stop: 'bad' });
  });

  test('the earliest stop wins, of two at one place the longer', () => {
    expect(run(['cd', 'b'], ['abcd'])).toEqual({ out: 'a', stop: 'b' });
    expect(run(['b', 'bc'], ['abcd'])).toEqual({ out: 'a', stop: 'bc' });
  });

  test('what was held back at the end is text', () => {
    expect(run(['END'], ['the EN'])).toEqual({ out: 'the EN', stop: null });
    expect(run([], ['any', 'thing'])).toEqual({ out: 'anything', stop: null });
  });
});
