import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isUpToDate, writeStamp } from '../../../scripts/build/stamp.ts';

let root = '';
const stamp = () => join(root, '.stamps', 'x.json');
const put = (name: string, text: string) => writeFileSync(join(root, name), text);

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'thimble-stamp-'));
  put('in', 'a');
  put('out', 'b');
  writeStamp(stamp(), root, 'v1', [join(root, 'in')], [join(root, 'out')]);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('unchanged is up to date', () => {
  expect(isUpToDate(stamp(), root, 'v1')).toBe(true);
});

test.each([
  ['a changed input', () => put('in', 'A')],
  ['a changed output', () => put('out', 'B')],
  ['a missing output', () => rmSync(join(root, 'out'))],
  ['a missing stamp', () => rmSync(stamp())],
  ['a damaged stamp', () => writeFileSync(stamp(), '{')],
])('%s is not', (_, change) => {
  change();
  expect(isUpToDate(stamp(), root, 'v1')).toBe(false);
});

test('other settings are not', () => {
  expect(isUpToDate(stamp(), root, 'v2')).toBe(false);
});
