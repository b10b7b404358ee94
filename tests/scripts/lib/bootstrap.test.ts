/** Whether packages are there is decided from two lockfiles and the folders, without running npm. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { missingPackages, projectNodeVersion } from '../../../scripts/lib/packages.mjs';
import { missingRows, platformOfName } from '../../../scripts/build/complete-lockfile.mjs';
import { repoRoot } from '../../../scripts/lib/paths.ts';

const here = { os: [process.platform], cpu: [process.arch] };
const LOCK = {
  packages: {
    '': { name: 'root' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/a/node_modules/b': { version: '2.0.0' },
    'node_modules/dev': { version: '3.0.0', dev: true },
    'node_modules/native-here': { version: '4.0.0', optional: true, ...here },
    'node_modules/native-there': { version: '4.0.0', optional: true, os: ['plan9'], cpu: ['vax'] },
    'node_modules/extra': { version: '5.0.0', optional: true },
  },
};

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-bootstrap-'));
  await put('package-lock.json', LOCK);
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function put(path: string, json: unknown): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), JSON.stringify(json));
}

/** Packages as npm would leave them, at the paths and versions given. */
async function install(versions: Record<string, string>): Promise<void> {
  for (const path of Object.keys(versions)) await put(`${path}/package.json`, {});
  const packages = Object.fromEntries(
    Object.entries(versions).map(([path, version]) => [path, { version }]),
  );
  await put('node_modules/.package-lock.json', { packages });
}

const WHOLE = {
  'node_modules/a': '1.0.0',
  'node_modules/a/node_modules/b': '2.0.0',
  'node_modules/native-here': '4.0.0',
};

describe('missingPackages', () => {
  test('nothing is installed', () => {
    expect(missingPackages({ root, withDev: true })).toEqual(['a', 'b', 'dev', 'native-here']);
    expect(missingPackages({ root, withDev: false })).toEqual(['a', 'b', 'native-here']);
  });

  test('serving needs no development packages, testing does', async () => {
    await install(WHOLE);
    expect(missingPackages({ root, withDev: false })).toEqual([]);
    expect(missingPackages({ root, withDev: true })).toEqual(['dev']);
  });

  test('another version is as good as none; another place is not', async () => {
    await install({ ...WHOLE, 'node_modules/a': '1.0.1' });
    expect(missingPackages({ root, withDev: false })).toEqual(['a']);
    await install({ ...WHOLE, 'node_modules/b': '2.0.0' });
    expect(missingPackages({ root, withDev: false })).toEqual([]);
  });

  test('an installation that was cut off counts as none', async () => {
    await install(WHOLE);
    await rm(join(root, 'node_modules/.package-lock.json'));
    expect(missingPackages({ root, withDev: false })).toHaveLength(3);
  });

  test('a folder that was deleted is missed', async () => {
    await install(WHOLE);
    await rm(join(root, 'node_modules/native-here'), { recursive: true });
    expect(missingPackages({ root, withDev: false })).toEqual(['native-here']);
  });

  test("this repository's own packages are here, and Node is the pinned one", () => {
    expect(missingPackages({ withDev: true })).toEqual([]);
    expect(process.versions.node).toBe(projectNodeVersion());
  });
});

describe('the lockfile', () => {
  test.each([
    ['@esbuild/darwin-arm64', 'darwin', 'arm64'],
    ['@cloudflare/workerd-linux-64', 'linux', 'x64'],
    ['@cloudflare/workerd-windows-64', 'win32', 'x64'],
    ['@node-llama-cpp/mac-arm64-metal', 'darwin', 'arm64'],
    ['@node-llama-cpp/linux-armv7l', 'linux', 'arm'],
    ['plain', null, null],
  ])('%s is for %s %s', (name, os, cpu) => {
    expect(platformOfName(name)).toEqual({ os, cpu });
  });

  test('a build that npm left out gets a row; one that overrides drop, a row for nowhere', () => {
    const lock = {
      packages: {
        'node_modules/tool': {
          version: '1.0.0',
          dev: true,
          optionalDependencies: {
            'tool-darwin-arm64': '1.0.0',
            'tool-linux-x64': '1.0.0',
            'tool-linux-x64-cuda': '1.0.0',
            loose: '^1.0.0',
          },
        },
        'node_modules/tool-linux-x64': { version: '1.0.0' },
      },
    };
    const overrides = { tool: { 'tool-linux-x64-cuda': '0.0.0-unwanted' } };
    expect(missingRows(lock, overrides)).toEqual({
      'node_modules/tool-darwin-arm64': {
        version: '1.0.0',
        cpu: ['arm64'],
        dev: true,
        optional: true,
        os: ['darwin'],
      },
      'node_modules/tool-linux-x64-cuda': {
        version: '0.0.0-unwanted',
        cpu: ['x64'],
        dev: true,
        optional: true,
        os: ['none'],
      },
    });
  });

  test('is complete and names no registry', async () => {
    const text = await readFile(join(repoRoot, 'package-lock.json'), 'utf8');
    expect(text).not.toMatch(/https?:\/\/[^"]*registry/);
    const { overrides } = JSON.parse(await readFile(join(repoRoot, 'package.json'), 'utf8')) as {
      overrides: Record<string, Record<string, string>>;
    };
    const missing = missingRows(JSON.parse(text) as { packages: object }, overrides);
    // To repair: node scripts/build/complete-lockfile.mjs
    expect(Object.keys(missing)).toEqual([]);
  });
});
