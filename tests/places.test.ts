/** The rule of CONTRIBUTING.md on where tests live, enforced. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';

/** Folders that are named after a way of testing; what a file in them has to use, if anything. */
const WAYS: Readonly<Record<string, RegExp | null>> = {
  http: /support\/http-server/,
  clients: /support\/http-server/,
  cli: /support\/program|scripts\/thimble\.ts/,
  e2e: null,
  parity: null,
  support: null,
};

/** The folder of source that a test folder mirrors: `tests/sample` for `engine/sample`. */
function mirrored(folder: string): string {
  return /^(worker|scripts|package)(\/|$)/.test(folder) ? folder : `engine/${folder}`;
}

/** Paths, from the root, of the files that a test imports, or names to bundle; `folder` is the test's, below tests/. */
function importsOf(folder: string, text: string): string[] {
  const imported = [...text.matchAll(/(?:from |import\()'(\.[^']+)'/g)].map(([, specifier = '']) =>
    normalize(join('tests', folder, specifier)),
  );
  return [...imported, ...[...text.matchAll(/'(tests\/[^']+\.ts)'/g)].map(([, path = '']) => path)];
}

/** Whether a file imports from `source`, itself or through its helpers. */
function reaches(imports: readonly string[], source: string, seen = new Set<string>()): boolean {
  return imports.some((path) => {
    if (path.startsWith(`${source}/`) || path === `${source}.ts`) return true;
    if (!path.startsWith('tests/') || !path.endsWith('.ts') || seen.has(path)) return false;
    seen.add(path);
    const folder = dirname(path).replace(/^tests\/?/, '');
    return reaches(importsOf(folder, readFileSync(join(repoRoot, path), 'utf8')), source, seen);
  });
}

/** What is wrong with the place of a test, or null. */
function judge(path: string, text: string): string | null {
  const folder = dirname(path);
  // What is about the whole tree lies at the root.
  if (folder === '.') return null;
  const [first = ''] = folder.split('/');
  if (Object.hasOwn(WAYS, first)) {
    const needed = WAYS[first] ?? null;
    return needed === null || needed.test(text) ? null : `${path}: does not use ${needed.source}`;
  }
  const source = mirrored(folder);
  if (!existsSync(join(repoRoot, source))) return `${path}: there is no ${source}/`;
  if (source.split('/').length < 2) return `${path}: expected a folder of ${source}/`;
  return reaches(importsOf(folder, text), source)
    ? null
    : `${path}: exercises nothing of ${source}/`;
}

const tests = globSync('**/*.test.ts', { cwd: join(repoRoot, 'tests') });

test('every test lies in the folder named after what it exercises', () => {
  expect(tests.length).toBeGreaterThan(150);
  const wrong = tests.map((path) =>
    judge(path, readFileSync(join(repoRoot, 'tests', path), 'utf8')),
  );
  expect(wrong.filter((text) => text !== null)).toEqual([]);
});

test('the judge bites', () => {
  const sampler = "import { Sampler } from '../../engine/sample/sampler.ts';";
  expect(judge('sample/a.test.ts', sampler)).toBeNull();
  expect(judge('text/a.test.ts', sampler)).toContain('nothing of engine/text/');
  expect(judge('samplers/a.test.ts', sampler)).toContain('no engine/samplers/');
  expect(judge('scripts/a.test.ts', sampler)).toContain('a folder of scripts/');
  expect(judge('scripts/lib/a.test.ts', "from '../../../scripts/lib/paths.ts'")).toBeNull();
  expect(judge('http/a.test.ts', sampler)).toContain('http-server');
  expect(judge('cli/a.test.ts', "from '../support/program.ts'")).toBeNull();
  expect(judge('model/a.test.ts', "from '../support/models.ts'")).toBeNull();
  expect(judge('vision/a.test.ts', "from '../support/random.ts'")).toContain('nothing of');
});
