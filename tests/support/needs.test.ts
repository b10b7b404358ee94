/** What is missing is told, or fails where nothing may be. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findModelFile, reportMissing, requireModelFile } from './needs.ts';
import { temporaryFolder } from './models.ts';

test('what is missing is written down with what gets it', async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, 'missing.jsonl');
  const env = { THIMBLE_TEST_MISSING: path };
  expect(reportMissing('a harp', 'Run: buy harp', env)).toBeNull();
  expect(reportMissing('a drum', 'Run: buy drum', env)).toBeNull();
  const lines = (await readFile(path, 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as object)).toEqual([
    { what: 'a harp', get: 'Run: buy harp' },
    { what: 'a drum', get: 'Run: buy drum' },
  ]);
});

test('in a strict run it is an error, whatever else is set', () => {
  const env = { THIMBLE_TEST_STRICT: '1', THIMBLE_TEST_MISSING: '/nowhere/missing.jsonl' };
  expect(() => reportMissing('a harp', 'Run: buy harp', env)).toThrow(
    'missing: a harp. Run: buy harp',
  );
});

test('models are those of the catalogue', () => {
  expect(() => findModelFile('nobody')).toThrow('no model "nobody"');
  expect(() => requireModelFile('nobody')).toThrow('no model "nobody"');
});
