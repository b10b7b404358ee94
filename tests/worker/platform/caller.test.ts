/** Names of objects: none is made from a request's value alone, and no two subjects share one. */
import { expect, test } from 'vitest';
import { ANONYMOUS, callerOf, objectName } from '../../../worker/platform/caller.ts';

test('a name holds whose it is', () => {
  expect(objectName(callerOf(ANONYMOUS), 'diary')).toBe('anonymous/diary');
});

test('no choice of subject and name leads to the object of another subject', () => {
  const parts = ['a', 'a/b', 'b', '/', '', '%2F', 'a%2Fb', '/b', 'a/'];
  const names = parts.flatMap((subject) => parts.map((name) => objectName({ subject }, name)));
  expect(new Set(names).size).toBe(parts.length ** 2);
});

test('two requests of one caller have two ids', () => {
  expect(callerOf('a').requestId).not.toBe(callerOf('a').requestId);
});
