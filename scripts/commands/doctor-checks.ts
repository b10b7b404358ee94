/** The rows of `thimble doctor`. A check never changes anything. */
import process from 'node:process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { missingPackages, MIN_NODE_MAJOR, projectNodeVersion } from '../lib/packages.mjs';
import { buildStatus } from '../build/build.ts';
import { listImported } from '../dev/prepare.ts';
import { tryListen } from '../dev/server.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { findPip } from '../pull/packages.ts';
import { freeBytes } from '../lib/disk.ts';
import { runTool } from '../lib/exec.ts';
import { createMiniflare } from '../lib/miniflare.ts';
import { cacheDir, dataDir, distDir, isPackaged } from '../lib/paths.ts';
import { formatBytes } from '../lib/progress.ts';

export interface CheckResult {
  readonly status: 'ok' | 'warn' | 'fail';
  readonly found: string;
  /** What to do; null when there is nothing to do. */
  readonly fix: string | null;
}

export interface Check {
  readonly name: string;
  readonly run: (context: { readonly port: number }) => Promise<CheckResult>;
}

/** The default model's file, its shards, and the shards in local R2. */
const NEEDED_BYTES = 350_000_000;
const MIN_NPM_MAJOR = 10;

export const CHECKS: readonly Check[] = [
  { name: 'node', run: () => Promise.resolve(checkNode()) },
  { name: 'npm', run: checkNpm },
  { name: 'pip', run: checkPip },
  { name: 'packages', run: () => Promise.resolve(checkPackages()) },
  { name: 'disk', run: () => Promise.resolve(checkDisk()) },
  { name: 'port', run: checkPort },
  { name: 'build', run: () => Promise.resolve(checkBuild()) },
  { name: 'relaxed SIMD', run: () => Promise.resolve(checkSimd()) },
  { name: 'models', run: checkModels },
  { name: 'workerd', run: checkWorkerd },
];

function ok(found: string): CheckResult {
  return { status: 'ok', found, fix: null };
}
function warn(found: string, fix: string): CheckResult {
  return { status: 'warn', found, fix };
}
function fail(found: string, fix: string): CheckResult {
  return { status: 'fail', found, fix };
}

function checkNode(): CheckResult {
  // bin/thimble.mjs refuses what is too old.
  if (isPackaged) return ok(process.versions.node);
  const want = String(projectNodeVersion());
  const have = process.versions.node;
  if (have === want) return ok(`${have}, the project's own`);
  const major = Number(have.split('.')[0]);
  if (major < MIN_NODE_MAJOR) return fail(`${have}, too old`, `Install Node.js ${want}.`);
  return warn(`${have}; the project's own is ${want}`, 'Start the program through npm or npx.');
}

async function checkNpm(): Promise<CheckResult> {
  const fix = 'Install Node.js with npm: nodejs.org.';
  const result = await runTool('npm', ['--version', '--loglevel=error']).catch(() => null);
  const version = result?.stdout.trim() ?? '';
  if (result?.code !== 0) return fail('not found', fix);
  const isNew = Number(version.split('.')[0]) >= MIN_NPM_MAJOR;
  return isNew ? ok(version) : warn(`${version}, old`, 'Update it: npm install -g npm');
}

async function checkPip(): Promise<CheckResult> {
  const pip = await findPip().catch(() => null);
  if (pip === null) {
    return warn('not found', 'Install Python 3 with pip: models in Python packages need it.');
  }
  return ok(pip.join(' '));
}

function checkPackages(): CheckResult {
  if (isPackaged) return ok('built in');
  const missing = missingPackages({ withDev: false });
  if (missing.length > 0) {
    const names = missing.slice(0, 5).join(', ');
    return fail(`${missing.length} differ from package-lock.json (${names})`, 'Run: npm ci');
  }
  const missingDev = missingPackages({ withDev: true });
  if (missingDev.length === 0) return ok('as in package-lock.json');
  return ok(`as in package-lock.json (without ${missingDev.length} that only npm test needs)`);
}

function checkDisk(): CheckResult {
  const rows = [cacheDir(), dataDir()].map((dir) => ({ dir, free: freeBytes(dir) }));
  const found = rows.map(({ dir, free }) => `${formatBytes(free)} free for ${dir}`).join(', ');
  if (rows.every(({ free }) => free >= NEEDED_BYTES)) return ok(found);
  return fail(
    found,
    `Free ${formatBytes(NEEDED_BYTES)}, or set THIMBLE_HOME to a folder on a larger disk.`,
  );
}

async function checkPort({ port }: { readonly port: number }): Promise<CheckResult> {
  const failure = await tryListen(port, '127.0.0.1');
  if (failure === null) return ok(`${port} is free`);
  const answers = await fetch(`http://127.0.0.1:${port}/healthz`, {
    signal: AbortSignal.timeout(2000),
  }).then(
    (response) => response.ok,
    () => false,
  );
  if (answers) return ok(`${port} is in use, by a server that answers /healthz`);
  return warn(`${port} is in use (${failure})`, `Serve on another: thimble dev --port ${port + 1}`);
}

function checkBuild(): CheckResult {
  const stale = buildStatus();
  if (stale.length === 0) return ok('dist/ is up to date');
  return warn(
    `${stale.join(', ')} to be built`,
    'Nothing to do: npm start builds them. Or run: npm run build',
  );
}

/** The module the build made is valid only where relaxed SIMD is known. */
function checkSimd(): CheckResult {
  const path = join(distDir, 'kernels', 'relaxed.wasm');
  if (!existsSync(path)) return warn('kernels are not built yet', 'Run: npm run build');
  const compiler = WebAssembly as unknown as { validate(bytes: Uint8Array): boolean };
  if (compiler.validate(readFileSync(path))) return ok('this Node compiles the relaxed kernels');
  return warn(
    'not in this Node',
    'Nothing to do: the plain SIMD kernels are used, at lower speed.',
  );
}

async function checkModels(): Promise<CheckResult> {
  const ids = await listImported('decoder');
  if (ids.length > 0) return ok(ids.join(', '));
  return warn('none imported', `Run: npm start, or thimble import ${DEFAULT_MODEL_ID}`);
}

async function checkWorkerd(): Promise<CheckResult> {
  const miniflare = await createMiniflare({
    modules: true,
    script: 'export default { fetch() { return new Response("up"); } };',
    compatibilityDate: '2026-01-01',
  });
  try {
    const startMs = performance.now();
    const url = await miniflare.ready;
    const text = await (await fetch(url.href)).text();
    if (text !== 'up') return fail(`answers ${text}`, 'Run: npm ci');
    return ok(`runs (${Math.round(performance.now() - startMs)} ms to the first answer)`);
  } catch (error) {
    return fail(
      `does not start: ${error instanceof Error ? error.message : String(error)}`,
      'Run: npm ci. workerd needs 64-bit Linux with glibc 2.35, macOS 13.5 or Windows.',
    );
  } finally {
    await miniflare.dispose().catch(() => undefined);
  }
}
