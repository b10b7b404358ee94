/** docs/models.md shows the catalogue. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { updateModelDocs } from '../../../scripts/build/model-docs.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { CATALOGUE } from '../../../scripts/pull/catalogue.ts';

const document = readFileSync(join(repoRoot, 'docs/models.md'), 'utf8');

test('its table is that of the catalogue', () => {
  // Out of date: node scripts/build/model-docs.ts
  expect(document).toBe(updateModelDocs(document));
});

test('a table that differs is noticed', () => {
  const changed = document.replace('491.4 MB', '491.5 MB');
  expect(changed).not.toBe(document);
  expect(updateModelDocs(changed)).toBe(document);
});

test('it has a row for every model', () => {
  for (const { id, goodFor } of CATALOGUE) expect(document).toContain(`| \`${id}\` | ${goodFor} |`);
});
