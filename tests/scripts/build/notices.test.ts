/** THIRD-PARTY-NOTICES.md is what is bundled, under licences that allow it; the lockfile names what is installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  bundledPackages,
  NOTICES_PATH,
  noticesText,
  packageOf,
} from '../../../scripts/build/notices.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';

const PERMISSIVE = new Set(['MIT', 'Apache-2.0', 'BSD-3-Clause', 'BSD-2-Clause', 'ISC', '0BSD']);
const packages = bundledPackages();

test('the file is current', () => {
  // Out of date: npm run build && node scripts/build/notices.ts
  expect(readFileSync(NOTICES_PATH, 'utf8')).toBe(noticesText(packages));
});

test('it has every package that a bundle is known to hold, with its text', () => {
  const names = packages.map(({ name }) => name);
  for (const name of ['hono', 'zod', 'onnxruntime-web', 'opus-decoder', 'assemblyscript'])
    expect(names).toContain(name);
  for (const { name, texts } of packages) {
    expect(texts.length, name).toBeGreaterThan(0);
    for (const text of texts) expect(text.length, name).toBeGreaterThan(400);
  }
});

test('no licence asks for more than notices', () => {
  for (const { name, licence, texts } of packages) {
    expect(PERMISSIVE.has(licence), `${name}: ${licence}`).toBe(true);
    expect(texts.join('\n'), name).not.toMatch(/GNU (Lesser |Affero )?General Public License/i);
  }
});

test.each([
  ['node_modules/hono/dist/hono.js', 'hono'],
  ['../elsewhere/node_modules/@a/b/c.js', '@a/b'],
  ['node_modules/a/node_modules/@b/c/d.js', '@b/c'],
  ['engine/base/errors.ts', null],
])('%s is of %s', (path, name) => {
  expect(packageOf(path)).toBe(name);
});

interface LockRow {
  readonly version: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly link?: boolean;
}

test('every package that can be installed has its hash, on every platform', () => {
  const lock = JSON.parse(readFileSync(join(repoRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, LockRow>;
  };
  // The repository and its workspace are not installed, only linked to.
  const rows = Object.entries(lock.packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && link !== true,
  );
  expect(rows.length).toBeGreaterThan(400);
  for (const [path, { integrity, version, dev, optional, os }] of rows) {
    if (integrity !== undefined) {
      expect(integrity, path).toMatch(/^sha512-[A-Za-z0-9+/]{86}==$/);
      continue;
    }
    // Rows that only keep `npm ci` from complaining (complete-lockfile.mjs): versions that do not exist, and builds
    // of a development package for platforms that the registry at hand does not have.
    expect([optional, dev ?? false], path).toEqual([true, true]);
    expect(version === '0.0.0-unwanted' || path.includes('@node-llama-cpp/'), path).toBe(true);
    if (version === '0.0.0-unwanted') expect(os, path).toEqual(['none']);
  }
});
