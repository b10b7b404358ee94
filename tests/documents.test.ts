/** Documents speak of files that are there. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';

const ROOTS = ['engine', 'worker', 'scripts', 'web', 'tests', 'docs', 'assets'];
/** Rooms that a document speaks of before they are built. */
const PLANNED: ReadonlySet<string> = new Set(['engine/train', 'scripts/train']);

const documents = [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
  ...readdirSync(join(repoRoot, 'docs')).flatMap((name) =>
    name.endsWith('.md') ? [`docs/${name}`] : [],
  ),
];

/** A path may be the beginning of several names, as test runners take them. */
function exists(path: string): boolean {
  if (existsSync(join(repoRoot, path))) return true;
  const folder = join(repoRoot, dirname(path));
  return existsSync(folder) && readdirSync(folder).some((name) => name.startsWith(basename(path)));
}

/** Paths from the root in code spans and commands; a pattern of names is none. */
function pathsIn(text: string): string[] {
  const found = text.matchAll(
    new RegExp(`(?:^|[\\s\`(])((?:${ROOTS.join('|')})/[\\w./-]*\\w)`, 'gm'),
  );
  return [...new Set([...found].map(([, path]) => path!))];
}

test.each(documents)('%s names files that exist', (document) => {
  const text = readFileSync(join(repoRoot, document), 'utf8');
  const missing = pathsIn(text).filter((path) => !PLANNED.has(path) && !exists(path));
  expect(missing).toEqual([]);
});

test('the table of everyday tasks is long enough to be of use, and each row names a place', () => {
  const text = readFileSync(join(repoRoot, 'CONTRIBUTING.md'), 'utf8');
  const table = text.slice(text.indexOf('## I want to'), text.indexOf('## Where tests live'));
  const rows = table.split('\n').filter((line) => /^\| (?!I want|---)/.test(line));
  expect(rows.length).toBeGreaterThanOrEqual(30);
  for (const row of rows) expect(row, row).toMatch(/`(engine|worker|scripts|web|tests|env)[^`]*`/);
});

test('every defence is shown by tests, settings or commands that are there', () => {
  const text = readFileSync(join(repoRoot, 'docs/security.md'), 'utf8');
  const table = text.slice(text.indexOf('## Threats'), text.indexOf('## What is not'));
  const rows = table.split('\n').filter((line) => /^\| (?!threat|---)/.test(line));
  expect(rows.length).toBeGreaterThanOrEqual(20);
  const settings = readFileSync(join(repoRoot, 'wrangler.toml'), 'utf8');
  const { scripts } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as {
    readonly scripts: Readonly<Record<string, string>>;
  };
  const isThere = (named: string): boolean => {
    const [, command] = /^npm run ([\w-]+)/.exec(named) ?? [];
    if (command !== undefined) return command in scripts;
    if (/^[A-Z_]+$/.test(named)) return settings.includes(`${named} = `);
    return named.endsWith('.test.ts') && existsSync(join(repoRoot, named));
  };
  for (const row of rows) {
    const shown = row.split('|').at(-2);
    const named = [...shown.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
    expect(named, row).not.toEqual([]);
    expect([row, named.filter((name) => !isThere(name))]).toEqual([row, []]);
  }
});

test('the search for paths bites', () => {
  expect(pathsIn('see `engine/base/nothing.ts` and (docs/none.md), not xengine/base')).toEqual([
    ...['engine/base/nothing.ts', 'docs/none.md'],
  ]);
});
