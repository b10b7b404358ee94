/** Bounds on the shape of a body: at each bound, and one above it. */
import { expect, test } from 'vitest';
import {
  checkJsonShape,
  MAX_JSON_ALL_MEMBERS,
  MAX_JSON_DEPTH,
  MAX_JSON_ITEMS,
  MAX_JSON_MEMBERS,
} from '../../../worker/http/body/json-bounds.ts';

const members = (n: number) => `{${Array.from({ length: n }, (_, i) => `"k${i}":0`).join(',')}}`;
const items = (n: number) => `[${'0,'.repeat(n - 1)}0]`;
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const mixed = (depth: number) => '{"a":['.repeat(depth / 2) + ']}'.repeat(depth / 2);
const nFull = MAX_JSON_ALL_MEMBERS / MAX_JSON_MEMBERS;
const full = (more: string) =>
  `[${[...Array.from({ length: nFull }, () => members(MAX_JSON_MEMBERS)), more].join(',')}]`;

test.each([
  ['depth', nested(MAX_JSON_DEPTH), nested(MAX_JSON_DEPTH + 1)],
  ['depth of both kinds', mixed(MAX_JSON_DEPTH), mixed(MAX_JSON_DEPTH + 2)],
  ['items of a list', items(MAX_JSON_ITEMS), items(MAX_JSON_ITEMS + 1)],
  ['members of an object', members(MAX_JSON_MEMBERS), members(MAX_JSON_MEMBERS + 1)],
  ['members of all objects', full('{}'), full('{"a":0}')],
])('%s: as many as the bound pass, one more is refused', (_, within, above) => {
  expect(() => checkJsonShape(within, 'body')).not.toThrow();
  expect(() => checkJsonShape(above, 'body')).toThrow(
    expect.objectContaining({ code: 'E_REQUEST_INVALID' }),
  );
});

test.each([
  ['brackets in strings', `"${'['.repeat(1000)}"`],
  ['after an escaped quote', `"\\"${'['.repeat(1000)}"`],
  ['after escaped backslashes', `["\\\\", "${'{'.repeat(1000)}"]`],
  ['a string without end', `"${'['.repeat(1000)}`],
  ['brackets that close nothing', ']'.repeat(1000)],
  ['lists one after the other', `[${'[],'.repeat(1000)}[]]`],
])('%s do not count', (_, text) => {
  expect(() => checkJsonShape(text, 'body')).not.toThrow();
});
