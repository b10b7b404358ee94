/**
 * The table of docs/models.md, from the catalogue. Run to write it: node scripts/build/model-docs.ts; a test fails
 * when it is out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { repoRoot } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';
import { CATALOGUE } from '../pull/catalogue.ts';
import { downloadBytes, describeSpeed } from '../pull/catalogue/entry.ts';
import type { CatalogueEntry } from '../pull/catalogue/entry.ts';
import { describeIsolates } from '../pull/isolates.ts';
import { markdownTable, replaceRegion } from './doc-tables.ts';

const NAME = 'docs/models.md';
const DOCUMENT = join(repoRoot, NAME);

const COLUMNS: Readonly<Record<string, (entry: CatalogueEntry) => string>> = {
  model: ({ id }) => `\`${id}\``,
  'good for': ({ goodFor }) => goodFor,
  download: (entry) => formatBytes(downloadBytes(entry)),
  isolates: (entry) => describeIsolates(entry),
  'tokens/s': describeSpeed,
  licence: ({ licence, terms }) => (terms === undefined ? licence : `[${licence}](${terms}) (*)`),
};

/** The document with its tables as the catalogue now is. */
export function updateModelDocs(document: string): string {
  const tasks = Map.groupBy(CATALOGUE, ({ task }) => task);
  const sections = [...tasks].map(([task, entries]) => {
    const rows = entries.map((entry) => Object.values(COLUMNS).map((cell) => cell(entry)));
    return `### ${task}\n\n${markdownTable(Object.keys(COLUMNS), rows)}`;
  });
  const region = { document: NAME, name: 'catalogue', script: 'scripts/build/model-docs.ts' };
  return replaceRegion(document, region, sections.join('\n\n'));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(DOCUMENT, updateModelDocs(readFileSync(DOCUMENT, 'utf8')));
