/** docs/http.md says what the endpoints do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { updateHttpDocs } from '../../../scripts/build/http-docs.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

const document = readFileSync(join(repoRoot, 'docs/http.md'), 'utf8');

test('its tables are those of the schemas', () => {
  // Out of date: node scripts/build/http-docs.ts
  expect(document).toBe(updateHttpDocs(document));
});

test('a table that differs is noticed', () => {
  const changed = document.replace('| `temperature` | yes |', '| `temperature` | refused |');
  expect(changed).not.toBe(document);
  expect(updateHttpDocs(changed)).toBe(document);
});
