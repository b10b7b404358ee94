/**
 * Completes package-lock.json after it was generated, so that `npm ci` accepts it everywhere.
 * npm drops an optional package it cannot find (a mirror without the macOS builds; a version that
 * package.json's `overrides` set to `0.0.0-unwanted`), and `npm ci` then calls the lockfile out of
 * sync. Each such package gets a row that names its version and the platform it is for; npm skips
 * rows of other platforms. Run: node scripts/build/complete-lockfile.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The version `overrides` gives to optional packages that must not be downloaded here. */
export const UNWANTED_VERSION = '0.0.0-unwanted';

const OS_WORDS = {
  darwin: 'darwin',
  mac: 'darwin',
  windows: 'win32',
  win32: 'win32',
  win: 'win32',
};
const OS_WORDS_SAME = [
  'linux',
  'freebsd',
  'netbsd',
  'openbsd',
  'android',
  'aix',
  'sunos',
  'openharmony',
];
const CPU_WORDS = { armv7l: 'arm', armv7: 'arm', 64: 'x64' };
const CPU_WORDS_SAME = [
  'x64',
  'arm64',
  'arm',
  'ia32',
  'riscv64',
  'ppc64',
  's390x',
  'loong64',
  'wasm32',
];

/** The platform that a package's name contains: `@esbuild/darwin-arm64` -> darwin, arm64. */
export function platformOfName(name) {
  const words = name.split('/').at(-1).split(/[-.]/);
  const os = words.map((w) => OS_WORDS[w] ?? (OS_WORDS_SAME.includes(w) ? w : null)).find(Boolean);
  const cpu = words
    .map((w) => CPU_WORDS[w] ?? (CPU_WORDS_SAME.includes(w) ? w : null))
    .find(Boolean);
  return { os: os ?? null, cpu: cpu ?? null };
}

/** The rows that are missing, by lockfile key. */
export function missingRows(lock, overrides) {
  const rows = {};
  for (const [path, row] of Object.entries(lock.packages)) {
    const unwanted = overrides[path.split('node_modules/').at(-1)] ?? {};
    for (const [name, range] of Object.entries(row.optionalDependencies ?? {})) {
      if (path === '' || isLocked(lock, path, name)) continue;
      const version = unwanted[name] ?? range;
      if (!/^\d+\.\d+\.\d+[\w.-]*$/.test(version)) continue;
      const { os, cpu } = platformOfName(name);
      rows[`node_modules/${name}`] = {
        version,
        ...(cpu === null ? {} : { cpu: [cpu] }),
        ...(row.dev ? { dev: true } : {}),
        optional: true,
        os: version === UNWANTED_VERSION || os === null ? ['none'] : [os],
      };
    }
  }
  return rows;
}

/** npm looks in the package's own node_modules, then upwards. */
function isLocked(lock, path, name) {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    if (lock.packages[`${at === '' ? '' : `${at}/`}node_modules/${name}`]) return true;
    if (at === '') return false;
  }
}

function main() {
  const lockPath = fileURLToPath(new URL('../../package-lock.json', import.meta.url));
  const lock = JSON.parse(readFileSync(lockPath, 'utf8'));
  const { overrides = {} } = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  );
  const rows = missingRows(lock, overrides);
  const packages = Object.entries({ ...lock.packages, ...rows });
  packages.sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(
    lockPath,
    `${JSON.stringify({ ...lock, packages: Object.fromEntries(packages) }, null, 2)}\n`,
  );
  console.log(`package-lock.json: ${Object.keys(rows).length} rows added`);
  for (const [key, { version, os, cpu }] of Object.entries(rows)) {
    console.log(`  ${key.slice('node_modules/'.length)}@${version} ${os} ${cpu ?? ''}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
