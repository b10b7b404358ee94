/** The place where a text stops being JSON. */
import { expect, test } from 'vitest';
import { seededRandom } from '../../support/random.ts';
import { findJsonError } from '../../../worker/http/body/json-error.ts';

test.each([
  ['', 0],
  ['   ', 3],
  ['nul', 0],
  ['{"a":1,}', 7],
  ['[1,,2]', 3],
  ['[1 2]', 3],
  ['{"a" 1}', 5],
  ['{a: 1}', 1],
  ['{"a": 01}', 6],
  ['"abc', 4],
  ['"a\\x"', 2],
  ['"tab\there"', 4],
  ['[[[[', 4],
  ['{"a": [1, {"b": tru}]}', 16],
  ['[1]]', 3],
  ['[1}', 2],
])('%j breaks at %i', (text, offset) => {
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  expect(findJsonError(text).offset).toBe(offset);
});

test('lines and columns count from one', () => {
  expect(findJsonError('{\n  "a": 1,\n  b\n}')).toMatchObject({ offset: 14, line: 3, column: 3 });
});

test('deep nesting needs no stack', () => {
  expect(findJsonError('['.repeat(1_000_000)).offset).toBe(1_000_000);
});

test('the place is never behind what is wrong', () => {
  const random = seededRandom(11);
  const whole = JSON.stringify({ a: [1, -2.5e3, true, null], 'b\n"c': { d: '漢\u0001🤖', e: [] } });
  for (let i = 0; i < 500; i++) {
    const at = Math.floor(random() * whole.length);
    const text = `${whole.slice(0, at)}\u0001${whole.slice(at)}`;
    expect(findJsonError(text).offset).toBeLessThanOrEqual(at);
  }
});
